"""The authorization endpoint: what a request asks for, what is still wanting, and the answer to the client.

It decides and stores; cookies, pages and HTTP are the web's.
"""
