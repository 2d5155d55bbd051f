"""
``hatch run demo [FILE]``: send messages through each transport to a real server, and show what came of it.

Exit status: 0 when every reply came back intact, 1 when not, 2 when the input can't be sent (then nothing was),
130 after Ctrl-C.
"""

import argparse
import os
import sys

from transport_base import TransportError

from ._display import display
from ._exchange import Exchange
from ._messages import FileInput, Input, InputError, OwnInput
from ._wires import WIRES, ServerError

# Seconds between two looks at how far it is.
_GLANCE = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="demo", description="Send messages through each transport to a real server, and show what came of it."
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="UTF-8 text, or - for standard input: each line is a message, without the LF that ends it (a CR before it "
        "is part of the message); without FILE the demo brings messages of its own",
    )
    arguments = parser.parse_args()
    try:
        if arguments.file is None:
            return _run(OwnInput())
        with FileInput(arguments.file) as source:
            if not source.messages:
                print(f"{source.name} is empty: nothing to send")
                return 0
            return _run(source)
    except InputError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 2
    except ServerError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has had enough. Nothing may be written any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(source: Input) -> int:
    shown = display()
    shown.start(source)
    intact = True
    for wire, connected in WIRES.items():
        try:
            with connected() as client, Exchange(client, source) as exchange:
                with shown.progress(wire, source.messages) as tell:
                    while not exchange.wait(_GLANCE):
                        tell(exchange.done)
                tally = exchange.tally()
        except TransportError as exc:
            print(f"demo: {wire}: {exc}", file=sys.stderr)
            intact = False
        else:
            shown.result(wire, tally)
            intact = intact and tally.intact == tally.messages
    shown.finish()
    return 0 if intact else 1


if __name__ == "__main__":
    sys.exit(main())
