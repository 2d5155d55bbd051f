"""
``python waitress_server.py PORT``: the service under waitress, with a graceful stop on SIGTERM.

``waitress-serve`` and ``waitress.serve()`` end at once on SIGTERM, and whatever is under way is lost. Here the loop
goes on until every message that has arrived is answered, and every response is sent.
"""

import signal
import sys
import threading
from typing import Any

from service import app
from waitress import wasyncore
from waitress.server import create_server


def main(port: int) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    channels: dict[int, Any] = {}
    create_server(app, map=channels, host="127.0.0.1", port=port, threads=16)
    answered = threading.Event()

    def finish() -> None:
        app.close(drain=20)
        answered.set()

    def stop(_number: int, _frame: object) -> None:
        threading.Thread(target=finish).start()  # a signal handler must not wait

    signal.signal(signal.SIGTERM, stop)
    while not answered.is_set() or any(channel.writable() for channel in list(channels.values())):
        wasyncore.loop(timeout=0.1, map=channels, count=1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
