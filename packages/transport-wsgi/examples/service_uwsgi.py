"""
The service for uWSGI with chunked bodies, as ``service_uwsgi:app``: uWSGI decodes them by a function of its own alone.

    uwsgi --http11-socket :8000 --module service_uwsgi:app --master --lazy-apps --enable-threads --threads 16

Behind uWSGI's own router (``--http``), it also takes ``--http-chunked-input``.
"""

import importlib
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from service import app as service

# Exists within uWSGI alone.
uwsgi: Any = importlib.import_module("uwsgi")


class ChunkedBody:
    """The body of the current request, in pieces as they are read."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, none at the end; an ``OSError`` if the client has gone before that."""
        if not self._rest:
            self._rest = uwsgi.chunked_read()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve one request."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        environ.update({"wsgi.input": ChunkedBody(), "wsgi.input_terminated": True})
    return service(environ, start_response)
