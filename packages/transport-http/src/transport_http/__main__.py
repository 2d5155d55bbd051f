"""On the command line: ``python -m transport_http send`` posts one message and prints the reply."""

import argparse
import re
import sys
from collections.abc import Sequence

from transport_base import TransportError

from . import HttpPostClientTransport, HttpStatusError, __version__, _console

_PROGRAM = f"python -m {__package__}"

# A field name (RFC 9110, section 5.1) and a value.
_HEADER = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(?P<value>.*)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 1 with one line on stderr, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Messages by HTTP POST.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    send = commands.add_parser(
        "send",
        help="send a message and print the reply",
        description="Send one message; print the reply and a line end. The body of an HTTP error goes to stderr.",
        epilog=f'example: {_PROGRAM} send http://127.0.0.1:8000/ hello -H "Authorization: Bearer TOKEN"',
    )
    send.add_argument("url", metavar="URL", help="where the server listens, such as http://127.0.0.1:8000/")
    send.add_argument("message", metavar="MESSAGE", help="the message; - reads standard input, final line end included")
    send.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="for the whole call (default: %(default)g)"
    )
    send.add_argument(
        "-H", dest="headers", type=_header, action="append", default=[], metavar="NAME:VALUE", help="a request header"
    )
    send.add_argument("--one-way", action="store_true", help="expect no reply, and print none")

    def command() -> int:
        options = parser.parse_args(arguments)
        try:
            message = _console.read() if options.message == "-" else _console.argument(options.message)
            with HttpPostClientTransport(options.url, timeout=options.timeout, headers=dict(options.headers)) as client:
                reply = client.send_message(message, expect_reply=not options.one_way)
        except HttpStatusError as exc:
            _console.complain(_PROGRAM, exc)
            _console.write_error(exc.body)
            return 1
        except (TransportError, ValueError) as exc:
            return _console.complain(_PROGRAM, exc)
        if reply is not None:
            _console.write(f"{reply}\n")
        return 0

    return _console.run(_PROGRAM, command)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, expected 0 or more")
    return seconds


def _header(text: str) -> tuple[str, str]:
    match = _HEADER.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a header, expected NAME:VALUE")
    return match["name"], match["value"]


if __name__ == "__main__":
    sys.exit(main())
