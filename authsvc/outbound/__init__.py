"""Talks to the world outside: mail servers and documents of strangers. Implements ports of `domain/ports.py`.

It decides nothing, keeps no rows, and gives no call more than a few seconds.
"""
