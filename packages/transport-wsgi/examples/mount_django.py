"""The service at ``/rpc`` of a Django project, as ``mount_django:app``: what its ``wsgi.py`` would hold."""

from typing import Any

from django.conf import settings  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from django.urls import path  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from service import app as service
from werkzeug.middleware.dispatcher import DispatcherMiddleware


def index(_request: HttpRequest) -> HttpResponse:
    """Return a page of the project's own."""
    return HttpResponse(b"a page")


urlpatterns = [path("", index)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="only an example")  # noqa: S106  # pyright: ignore[reportUnknownMemberType]

# Beside Django rather than in a view: its middleware (CSRF tokens, sessions) is meant for browsers.
django: Any = get_wsgi_application()
app = DispatcherMiddleware(django, {"/rpc": service})
