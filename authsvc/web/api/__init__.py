"""The JSON API over HTTP: refusals are problems of RFC 9457."""
