"""Send each argument as a message, and print the replies."""

import sys

import zmq

from transport_base import TransportError
from transport_zmq import ZmqClientTransport

ENDPOINT = "tcp://127.0.0.1:5555"


def main() -> None:
    """Send the messages one after the other; stop at the first error."""
    with zmq.Context() as context, ZmqClientTransport.create(context, ENDPOINT, timeout=5) as client:
        for message in sys.argv[1:]:
            try:
                print(client.send_message(message))
            except TransportError as error:
                sys.exit(f"no reply to {message!r}: {error}")


if __name__ == "__main__":
    main()
