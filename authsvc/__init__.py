"""An OAuth 2.1 and OpenID Connect authorization server and login service.

Owns nothing but the version and the name of `mount`: importing it must load no framework, so that ``authsvc.verify``
stays light.
"""

from collections.abc import Callable
from importlib import import_module

__version__ = "0.1.0"

mount: Callable[..., None]
"""`authsvc.app.mount`, loaded when it is first asked for."""


def __getattr__(name: str) -> object:
    if name != "mount":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # By its name: whoever imports this package does not thereby import the whole server.
    return import_module("authsvc.app").mount
