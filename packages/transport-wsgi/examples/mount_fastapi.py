"""
The service at ``/rpc/`` of a FastAPI application, as ``mount_fastapi:app``.

Clients are best given the address with the slash at its end: a POST to ``/rpc`` is redirected there (307). A client
that follows, as ``transport_http`` does, sends every message twice that way, and others fail.
"""

from typing import Any

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI
from service import app as service

app = FastAPI()


@app.get("/")
def index() -> str:
    """Return a page of the application's own."""
    return "a page"


# a2wsgi has types of its own for what PEP 3333 and ASGI describe.
wsgi: Any = service
asgi: Any = WSGIMiddleware(wsgi, workers=16)
app.mount("/rpc", asgi)
