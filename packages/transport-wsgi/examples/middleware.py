"""
Authentication and a health check in front of a transport, as ``middleware:app``: WSGI middleware of a few lines.

A transport answers nothing but POST and OPTIONS, and lets everyone in: who may send messages, and what else an address
answers, is decided before it.
"""

import hmac
import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service import app as service


def health_check(app: WSGIApplication, path: str = "/health") -> WSGIApplication:
    """Answer ``GET`` on *path* with 200 as long as requests are served at all."""

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"} and environ.get("PATH_INFO") == path:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
            return [b"ok\n"]
        return app(environ, start_response)

    return middleware


def bearer_token(app: WSGIApplication, token: str) -> WSGIApplication:
    """Let in only requests with ``Authorization: Bearer`` and *token* (RFC 6750)."""
    expected = f"Bearer {token}".encode()

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if not hmac.compare_digest(given, expected):
            headers = [("WWW-Authenticate", "Bearer"), ("Content-Type", "text/plain"), ("Content-Length", "0")]
            start_response("401 Unauthorized", headers)
            return []
        return app(environ, start_response)

    return middleware


# The health check is outermost: whatever asks for it has no token.
app = health_check(bearer_token(service, os.environ.get("SERVICE_TOKEN", "change me")))
