"""Call a server over ZeroMQ, and get the error for a context that was answered before."""

import threading

import zmq

from transport_base import ServerTransport, TransportContextError, serve
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport


def shout(server: ServerTransport[Envelope]) -> None:
    """Serve until the server is closed."""
    serve(server, str.upper)


def main() -> None:
    """Print a reply."""
    with zmq.Context() as context, ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
        with ZmqClientTransport.create(context, server.endpoint, timeout=10) as client:
            client.send_message("first", expect_reply=False)
            envelope, _ = server.receive_message(timeout=10)
            server.send_reply(envelope, "nobody waits for this")
            try:
                server.send_reply(envelope, "again")
            except TransportContextError:
                pass
            else:
                raise AssertionError("a second reply was taken")
            thread = threading.Thread(target=shout, args=(server,))
            thread.start()
            print(client.send_message("hello"))
        server.close()
        thread.join(timeout=10)


if __name__ == "__main__":
    main()
