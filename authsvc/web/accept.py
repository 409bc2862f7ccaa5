"""Which of two forms of an answer the caller would rather have (RFC 9110 §12.5.1)."""

from authsvc.web.request import Request


def prefers(request: Request, media_type: str, *, to: str) -> bool:
    """Whether the caller names the media type, and not after the usual form `to`; a wildcard names neither."""
    named = b",".join(value for name, value in request.headers if name == b"accept")
    if not named:
        return False
    weights = dict(map(_weighed, named.decode("latin-1").split(",")))
    weight = weights.get(media_type, 0.0)
    return weight > 0 and weight >= weights.get(to, 0.0)


def _weighed(item: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in item.split(";"))
    weight = next((value for name, _, value in (part.partition("=") for part in parameters) if name == "q"), "1")
    try:
        return media_type, float(weight)
    except ValueError:
        return media_type, 0.0
