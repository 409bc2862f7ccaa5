"""Whom an issuer deals with, as an operator or they themselves registered it: clients, resources, trusted issuers."""
