"""What the tests share: requests made without a network, and loops that answer them."""

import io
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from wsgiref.types import WSGIApplication
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from transport_base import serve
from transport_wsgi import WsgiServerTransport

Answer = tuple[int, dict[str, str], bytes]


def _ask(
    app: WSGIApplication, body: bytes = b"", method: str = "POST", *, validated: bool = True, **extra: Any
) -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    environ.update({name.replace("wsgi_", "wsgi."): value for name, value in extra.items()})
    environ = {name: value for name, value in environ.items() if value is not None}
    setup_testing_defaults(environ)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return io.BytesIO().write

    answer = (validator(app) if validated else app)(environ, start_response)
    try:
        content = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    [(status, headers)] = started
    assert len(dict(headers)) == len(headers), "a header comes twice"
    code = int(status[:3])
    if method != "HEAD" and code != 204:
        assert dict(headers)["Content-Length"] == str(len(content))
    return code, dict(headers), content


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """``ask(app, body, method, **environ)``: one request, through wsgiref's validator; None takes a variable away."""
    return _ask


@contextmanager
def _answering(
    transport: WsgiServerTransport, handler: Callable[[str], str] = str, threads: int = 1
) -> Generator[WsgiServerTransport]:
    loops = [threading.Thread(target=serve, args=(transport, handler)) for _ in range(threads)]
    for loop in loops:
        loop.start()
    try:
        yield transport
    finally:
        transport.close()
        for loop in loops:
            loop.join(10)
            assert not loop.is_alive()


@pytest.fixture
def answering() -> Callable[..., AbstractContextManager[WsgiServerTransport]]:
    """``with answering(transport, handler, threads)``: loops that echo, or do what *handler* does, until closed."""
    return _answering
