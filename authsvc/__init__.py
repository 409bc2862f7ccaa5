"""An OAuth 2.1 and OpenID Connect authorization server and login service.

Owns nothing but the version: importing it must load no framework, so that ``authsvc.verify`` stays light.
"""

__version__ = "0.1.0"
