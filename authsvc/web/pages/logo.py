"""GET /ui/logo: the tenant's logo, from here, so that pages load nothing from elsewhere."""

from authsvc.web.request import Call
from authsvc.web.responses import Headers, Response, empty

_HEADERS: Headers = (
    # Its address changes with it. An SVG opened by itself may draw, and do nothing else.
    (b"cache-control", b"public, max-age=86400"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
)


def logo_handler(call: Call) -> Response:
    """Return the picture, or 204 where the tenant has none."""
    look = call.tenant.look
    if look.logo is None or look.logo_type is None:
        return empty(204)
    return Response(200, ((b"content-type", look.logo_type.encode()), *_HEADERS), look.logo)
