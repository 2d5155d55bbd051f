"""
The service for ASGI servers, as ``service_asgi:app``: a2wsgi runs it in threads beside the event loop.

uvicorn service_asgi:app
hypercorn service_asgi:app
"""

from typing import Any

from a2wsgi import WSGIMiddleware
from service import app as service

# a2wsgi has types of its own for what PEP 3333 describes.
wsgi: Any = service
app = WSGIMiddleware(wsgi, workers=16)
