"""Answer each message with its text in upper case, until Ctrl-C or SIGTERM."""

import signal
import threading

import zmq

from transport_base import serve
from transport_zmq import ZmqServerTransport

ENDPOINT = "tcp://127.0.0.1:5555"


def handle(message: str) -> str:
    """Return the reply to *message*."""
    return message.upper()


def main() -> None:
    """Serve until a signal asks to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())

    with zmq.Context() as context, ZmqServerTransport.create(context, ENDPOINT) as server:
        serving = threading.Thread(target=serve, args=(server, handle), kwargs={"threads": 4})
        serving.start()
        print(f"serving at {server.endpoint}", flush=True)
        stop.wait()
        server.close(drain=5)
        serving.join()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
