"""Pages for people, rendered here from templates/; they need no script and load nothing from elsewhere."""
