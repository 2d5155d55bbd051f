"""``python cheroot_server.py PORT``: the service under cheroot, with a graceful stop on SIGTERM."""

import signal
import sys
import threading

from cheroot.wsgi import Server
from service import app


def main(port: int) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    server = Server(("127.0.0.1", port), app, numthreads=16, request_queue_size=128)

    def finish() -> None:
        app.close(drain=20)
        server.stop()

    def stop(_number: int, _frame: object) -> None:
        threading.Thread(target=finish).start()  # the loop that the signal interrupts has to go on until the end

    signal.signal(signal.SIGTERM, stop)
    server.safe_start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
