"""Try it by hand: ``python -m … echo ENDPOINT`` answers, ``python -m … send ENDPOINT MESSAGE`` asks."""

import argparse
import signal
import sys

import zmq

from transport_base import TransportError, serve

from ._client import ZmqClientTransport
from ._server import ZmqServerTransport


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Messages over ZeroMQ.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    echo = commands.add_parser("echo", help="answer each message with itself, until Ctrl-C or SIGTERM")
    echo.add_argument(
        "endpoint", metavar="ENDPOINT", help="where to listen, such as tcp://127.0.0.1:5555 or tcp://127.0.0.1:*"
    )
    send = commands.add_parser("send", help="send a message and print the reply")
    send.add_argument("endpoint", metavar="ENDPOINT", help="where the server listens, such as tcp://127.0.0.1:5555")
    send.add_argument("message", metavar="MESSAGE", help="the message; - reads standard input")
    send.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help="for the whole call (%(default)s)")
    arguments = parser.parse_args()
    try:
        if arguments.command == "echo":
            _echo(arguments.endpoint)
        else:
            _send(arguments.endpoint, arguments.message, arguments.timeout)
    except (TransportError, ValueError) as exc:
        print(f"{parser.prog}: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _echo(endpoint: str) -> None:
    with zmq.Context() as context, ZmqServerTransport.create(context, endpoint) as server:

        def stop(_number: int, _frame: object) -> None:
            server.close()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        print(server.endpoint, flush=True)
        serve(server, lambda message: message)


def _send(endpoint: str, message: str, timeout: float | None) -> None:
    text = _standard_input() if message == "-" else message
    with zmq.Context() as context, ZmqClientTransport.create(context, endpoint, timeout) as client:
        reply = client.send_message(text)
    sys.stdout.buffer.write(reply.encode() + b"\n")


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"standard input is not UTF-8 at byte {exc.start}, expected text") from exc


if __name__ == "__main__":
    sys.exit(main())
