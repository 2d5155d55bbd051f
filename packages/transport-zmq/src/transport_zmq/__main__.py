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
from ._command_serve import handler_named, run_proxy, run_server
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

    serving = commands.add_parser(
        "serve",
        help="answer messages with a function of yours",
        description="Answer each message with what FUNCTION returns for it. Ctrl-C and SIGTERM have it finish what has "
        "arrived; a second signal stops it at once.",
        epilog=f"example: {_PROGRAM} serve tcp://127.0.0.1:5555 service:handle --threads 4",
    )
    serving.add_argument("endpoint", metavar="ENDPOINT", help="where to listen, or with --connect where the proxy is")
    serving.add_argument(
        "handler", metavar="MODULE:FUNCTION", help="takes a message and returns its reply, such as service:handle"
    )
    serving.add_argument(
        "--threads", type=_count, default=1, metavar="N", help="messages handled at once (default: %(default)d)"
    )
    serving.add_argument("--connect", action="store_true", help="be a worker behind a proxy at ENDPOINT")
    serving.add_argument(
        "--drain",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long to finish what has arrived, on a signal (default: %(default)g)",
    )
    proxy = commands.add_parser(
        "proxy",
        help="pass messages on to workers",
        description="Pass the messages of clients to workers in turn, and their replies back. A worker that does not "
        "answer heartbeats for 600 ms gets no further messages. Ctrl-C and SIGTERM stop it.",
        epilog=f"example: {_PROGRAM} proxy tcp://127.0.0.1:5555 tcp://127.0.0.1:5556",
    )
    proxy.add_argument("front", metavar="FRONT", help="where clients connect, such as tcp://127.0.0.1:5555")
    proxy.add_argument("back", metavar="BACK", help="where workers connect, such as tcp://127.0.0.1:5556")

    def command() -> int:
        options = parser.parse_args(arguments)
        try:
            if options.command == "echo":
                _echo(options.endpoint)
            elif options.command == "serve":
                handler = handler_named(options.handler)
                run_server(
                    options.endpoint, handler, threads=options.threads, bind=not options.connect, drain=options.drain
                )
            elif options.command == "proxy":
                run_proxy(options.front, options.back)
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


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads, expected 1 or more")
    return int(text)


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
