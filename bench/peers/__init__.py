"""What authsvc is measured against: small programs that do the bare minimum of the same work."""
