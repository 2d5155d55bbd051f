"""Serve a transport of one's own, which inherits from nothing."""

from transport_base import TransportClosedError, serve


class Listed:
    """Receives from a list, and closes at its end."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages

    def receive_message(self) -> tuple[int, str]:
        """Take the next message."""
        if not self.messages:
            raise TransportClosedError("no message is left")
        return len(self.messages), self.messages.pop()

    def send_reply(self, context: int, reply: str) -> None:
        """Print the reply."""
        print(reply)


def main() -> None:
    """Print a reply."""
    serve(Listed(["hello"]), str.upper)


if __name__ == "__main__":
    main()
