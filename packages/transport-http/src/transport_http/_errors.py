"""The error that HTTP adds: a status that is no success."""

from transport_base import TransportProtocolError


class HttpStatusError(TransportProtocolError):
    """
    The server answered with a status outside 2xx.

    *body* is what it said about that, as text: JSON-RPC servers put their error object there. Bytes that
    are no text are replaced, and a body that is very long, late or broken off is cut short.
    """

    def __init__(self, endpoint: str, status_code: int, reason: str, body: str) -> None:
        super().__init__(endpoint, status_code, reason, body)
        self.endpoint = endpoint
        self.status_code = status_code
        self.reason = reason
        self.body = body

    def __str__(self) -> str:
        status = f"{self.status_code} {self.reason}".rstrip()
        return f"{self.endpoint} answered with status {status}, expected 2xx"
