"""Post to a server of the standard library, and get the error for its status."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from transport_base import ClientTransport, TransportError
from transport_http import HttpPostClientTransport, HttpStatusError


class Shouting(BaseHTTPRequestHandler):
    """Answers with the upper case, and has no other page than its first."""

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"])).upper()
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Be quiet."""


def ask(client: ClientTransport) -> str:
    """Send a message by a client of any kind."""
    return client.send_message("hello")


def main() -> None:
    """Print a reply."""
    with HTTPServer(("127.0.0.1", 0), Shouting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            with HttpPostClientTransport(url, timeout=10, headers={"X-Sender": "me"}) as client:
                print(ask(client))
            with HttpPostClientTransport(f"{url}missing", timeout=10) as client:
                try:
                    ask(client)
                except TransportError as error:
                    if not isinstance(error, HttpStatusError):
                        raise
                else:
                    raise AssertionError("a status of 404 was taken")
        finally:
            server.shutdown()
            thread.join(timeout=10)


if __name__ == "__main__":
    main()
