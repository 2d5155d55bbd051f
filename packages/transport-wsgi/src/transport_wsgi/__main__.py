"""On the command line: ``python -m transport_wsgi echo`` answers every message with itself."""

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from transport_base import serve

from . import __version__, _console
from ._server import WsgiServerTransport

_DRAIN = 5.0  # seconds: more than an echo takes, less than what sent the signal will wait for
_PROGRAM = f"python -m {__package__}"


class _SilentHandler(WSGIRequestHandler):
    """Werkzeug's handler, without a line in the log for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class _Responses:
    """The application, and how many of its responses the web server has still to write."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._open = 0
        self._changed = threading.Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._count(1)
        return ClosingIterator(self._application(environ, start_response), partial(self._count, -1))

    def wait(self, seconds: float) -> None:
        """Wait until all are written, for up to *seconds*."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, seconds)

    def _count(self, change: int) -> None:
        with self._changed:
            self._open += change
            self._changed.notify_all()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name; return the exit status."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Messages over WSGI.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    echo = commands.add_parser(
        "echo",
        help="answer each message with itself",
        description="Answer each message with itself. Ctrl-C and SIGTERM stop it, after the requests under way.",
        epilog=f"example: {_PROGRAM} echo --port 8000",
    )
    echo.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    echo.add_argument("--port", type=_port, required=True, help="the port to listen on; 0 takes a free one")

    def command() -> int:
        options = parser.parse_args(arguments)
        return _echo(options.host, options.port)

    return _console.run(_PROGRAM, command)


def _echo(host: str, port: int) -> int:
    # Started in the background, a shell may have told this process to ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port)  # create_server leaves its socket open when the host has no form in IDNA
        # The listener is not left to make_server, which ends the process when the port is taken.
        listener = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        reason = reason.partition(" (while")[0]  # the rest repeats the address
        return _console.complain(_PROGRAM, f"cannot listen on --host {host} --port {port} ({reason})")
    with listener, WsgiServerTransport() as transport:
        responses = _Responses(transport)
        server = make_server(host, port, responses, threaded=True, request_handler=_SilentHandler, fd=listener.fileno())
        threading.Thread(target=serve, args=(transport, _echoed), daemon=True).start()
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        try:
            _console.write(f"http://{shown}:{server.port}/\n")
            server.serve_forever()
        except KeyboardInterrupt:
            transport.close(drain=_DRAIN)
            responses.wait(_DRAIN)
        finally:
            server.server_close()
    return 0


def _echoed(message: str) -> str:
    return message


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"port is {text}, expected 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
