"""Answer each POST with its text in upper case, until Ctrl-C or SIGTERM."""

import signal
import threading

from cheroot.wsgi import Server

from transport_base import serve
from transport_wsgi import WsgiServerTransport

HOST, PORT = "127.0.0.1", 8000


def handle(message: str) -> str:
    """Return the reply to *message*."""
    return message.upper()


def main() -> None:
    """Serve until a signal asks to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())

    transport = WsgiServerTransport()
    web = Server((HOST, PORT), transport, numthreads=16)
    web.prepare()
    serving = threading.Thread(target=serve, args=(transport, handle), kwargs={"threads": 4})
    listening = threading.Thread(target=web.serve)
    serving.start()
    listening.start()
    print(f"serving at http://{HOST}:{PORT}/", flush=True)
    stop.wait()
    transport.close(drain=10)
    web.stop()
    listening.join()
    serving.join()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
