"""Headers that every answer carries. Answers of this service are data: nothing in them may run, frame or be sniffed."""

from authsvc.web.responses import Headers

SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
