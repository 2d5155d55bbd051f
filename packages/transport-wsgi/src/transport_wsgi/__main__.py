"""On the command line: ``python -m transport_wsgi echo`` answers every message with itself."""

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from werkzeug.serving import WSGIRequestHandler, make_server

from transport_base import serve

from ._server import WsgiServerTransport


class _SilentHandler(WSGIRequestHandler):
    """Werkzeug's handler, without a line in the log for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name; return the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Messages over WSGI.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    echo_parser = commands.add_parser("echo", help="answer each message with itself, until Ctrl-C or SIGTERM")
    echo_parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    echo_parser.add_argument("--port", type=_port, required=True, help="the port to listen on; 0 takes a free one")
    options = parser.parse_args(arguments)
    try:
        # Started in the background, a shell may have told this process to ignore Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        _echo(options.host, options.port)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).partition(" (while")[0]  # the rest tells the address again
        print(f"{parser.prog}: cannot listen on {options.host} port {options.port} ({reason})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _echo(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The listener is not left to make_server, which ends the process when the port is taken.
    with socket.create_server((host, port), family=family) as listener, WsgiServerTransport() as transport:
        server = make_server(host, port, transport, threaded=True, request_handler=_SilentHandler, fd=listener.fileno())
        threading.Thread(target=serve, args=(transport, _echoed), daemon=True).start()
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        sys.stdout.write(f"http://{shown}:{server.port}/\n")
        sys.stdout.flush()
        server.serve_forever()


def _echoed(message: str) -> str:
    return message


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"port is {text}, expected 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
