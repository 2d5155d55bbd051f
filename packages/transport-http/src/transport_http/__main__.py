"""The command line: send one message, print the reply."""

import argparse
import sys

from transport_base import TransportError

from . import HttpPostClientTransport


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Messages by HTTP POST.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    send = commands.add_parser("send", help="send a message and print the reply")
    send.add_argument("url", metavar="URL", help="where the server listens, such as http://127.0.0.1:8000/")
    send.add_argument("message", metavar="MESSAGE", help="the message; - reads standard input")
    send.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help="for the whole call (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        message = _standard_input() if options.message == "-" else options.message
        with HttpPostClientTransport(options.url, timeout=options.timeout) as client:
            reply = client.send_message(message)
        sys.stdout.buffer.write(reply.encode() + b"\n")
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except (TransportError, ValueError) as exc:
        # A message of several lines would be taken for several errors.
        print(f"{parser.prog}: {' '.join(str(exc).split())}", file=sys.stderr)
        return 1
    return 0


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"standard input is not UTF-8 at byte {exc.start}, expected text") from exc


if __name__ == "__main__":
    sys.exit(main())
