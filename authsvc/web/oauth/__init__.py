"""The OAuth endpoints over HTTP, named as their protocol/ counterparts."""
