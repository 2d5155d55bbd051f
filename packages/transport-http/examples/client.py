"""Post each argument as a message, and print the replies."""

import sys

from transport_base import TransportError
from transport_http import HttpPostClientTransport

URL = "http://127.0.0.1:8000/"


def main() -> None:
    """Send the messages one after the other; stop at the first error."""
    with HttpPostClientTransport(URL, timeout=5) as client:
        for message in sys.argv[1:]:
            try:
                print(client.send_message(message))
            except TransportError as error:
                sys.exit(f"no reply to {message!r}: {error}")


if __name__ == "__main__":
    main()
