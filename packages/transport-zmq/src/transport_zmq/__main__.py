"""Try it by hand: ``python -m … echo ENDPOINT`` answers, ``python -m … send ENDPOINT MESSAGE`` asks."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

import zmq

from transport_base import TransportError, serve

from . import __version__, _console
from ._client import ZmqClientTransport
from ._server import ZmqServerTransport

_PROGRAM = f"python -m {__package__}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 1 with one line on stderr, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Messages over ZeroMQ.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    echo = commands.add_parser(
        "echo",
        help="answer each message with itself",
        description="Answer each message with itself. Ctrl-C and SIGTERM stop it.",
        epilog=f"example: {_PROGRAM} echo tcp://127.0.0.1:5555",
    )
    echo.add_argument(
        "endpoint", metavar="ENDPOINT", help="where to listen, such as tcp://127.0.0.1:5555 or tcp://127.0.0.1:*"
    )
    send = commands.add_parser(
        "send",
        help="send a message and print the reply",
        description="Send one message; print the reply and a line end.",
        epilog=f"example: {_PROGRAM} send tcp://127.0.0.1:5555 hello",
    )
    send.add_argument("endpoint", metavar="ENDPOINT", help="where the server listens, such as tcp://127.0.0.1:5555")
    send.add_argument("message", metavar="MESSAGE", help="the message; - reads standard input, final line end included")
    send.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="for the whole call (default: %(default)g)"
    )
    send.add_argument("--one-way", action="store_true", help="expect no reply, and print none")

    def command() -> int:
        options = parser.parse_args(arguments)
        try:
            if options.command == "echo":
                _echo(options.endpoint)
            else:
                message = _console.read() if options.message == "-" else _console.argument(options.message)
                _send(options.endpoint, message, options.timeout, expect_reply=not options.one_way)
        except (TransportError, ValueError) as exc:
            return _console.complain(_PROGRAM, exc)
        return 0

    return _console.run(_PROGRAM, command)


def _echo(endpoint: str) -> None:
    # Started in the background, a shell may have told this process to ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with zmq.Context() as context, ZmqServerTransport.create(context, endpoint) as server:
        loop = threading.Thread(target=serve, args=(server, _echoed))
        loop.start()
        try:
            _console.write(f"{server.endpoint}\n")
            loop.join()
        except KeyboardInterrupt:
            server.close()
        finally:
            server.close()
            loop.join()


def _echoed(message: str) -> str:
    return message


def _send(endpoint: str, message: str, timeout: float, *, expect_reply: bool) -> None:
    with zmq.Context() as context, ZmqClientTransport.create(context, endpoint, timeout) as client:
        reply = client.send_message(message, expect_reply=expect_reply)
    if reply is not None:
        _console.write(f"{reply}\n")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, expected 0 or more")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
