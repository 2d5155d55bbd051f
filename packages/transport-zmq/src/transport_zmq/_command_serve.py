"""``python -m transport_zmq serve``: a function of the user's as a server, or as one worker behind a proxy."""

import inspect
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import cast

import zmq

from transport_base import TransportError, serve

from . import _console
from ._proxy import ZmqProxy
from ._server import ZmqServerTransport

Handler = Callable[[str], str | None]


def run_server(endpoint: str, handler: Handler, *, threads: int, bind: bool, drain: float) -> None:
    """Answer messages with *handler* until Ctrl-C or SIGTERM; then finish what has arrived, for *drain* seconds."""
    with zmq.Context() as context, ZmqServerTransport.create(context, endpoint, bind=bind) as server:
        _until_stopped(
            lambda: serve(server, handler, threads=threads),
            lambda: _console.write(f"{server.endpoint}\n"),
            lambda: server.close(drain),
            server.close,
        )


def run_proxy(front: str, back: str) -> None:
    """Pass messages between clients and workers until Ctrl-C or SIGTERM."""
    with zmq.Context() as context, ZmqProxy.create(context, front, back) as proxy:
        _until_stopped(
            proxy.run,
            lambda: _console.write(f"{proxy.front_endpoint}\n{proxy.back_endpoint}\n"),
            proxy.close,
            proxy.close,
        )


def handler_named(name: str) -> Handler:
    """
    Import the function that ``MODULE:FUNCTION`` names.

    Raises:
        ValueError: there is none, its module cannot be imported, or it does not take one message.
    """
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"handler is {name!r}, expected MODULE:FUNCTION such as service:handle")
    try:
        found: object = import_module(module_name)
    except Exception as exc:  # whatever the user's module raises
        raise ValueError(f"importing {module_name} failed ({type(exc).__name__}: {exc})") from exc
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            raise ValueError(f"{module_name} has no {path}, expected a function that takes a message")
        found = getattr(found, attribute)
    return _checked(found, name)


def _checked(found: object, name: str) -> Handler:
    if not callable(found):
        raise ValueError(f"{name} is of type {type(found).__name__}, expected a function that takes a message")  # noqa: TRY004  # the user's text is the argument here
    if inspect.iscoroutinefunction(found):
        raise ValueError(f"{name} is a coroutine function, expected a plain one that returns the reply")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):  # some functions written in C have none
        return cast("Handler", found)
    try:
        signature.bind("")
    except TypeError as exc:
        raise ValueError(f"{name}{signature} does not take one message ({exc})") from exc
    return cast("Handler", found)  # what it returns is checked with each reply


def _until_stopped(
    run: Callable[[], None], announce: Callable[[], None], stop: Callable[[], None], stop_now: Callable[[], None]
) -> None:
    """Call *run* in a thread until a signal; *stop* ends it, and *stop_now* when a second signal comes meanwhile."""
    failures: list[TransportError] = []

    def loop() -> None:
        try:
            run()
        except TransportError as exc:
            failures.append(exc)

    # Started in the background, a shell may have told this process to ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    thread = threading.Thread(target=loop)
    thread.start()
    try:
        announce()
        thread.join()
    except KeyboardInterrupt:
        with suppress(KeyboardInterrupt):
            stop()
    finally:
        stop_now()
        thread.join()
    if failures:
        raise failures[0]
