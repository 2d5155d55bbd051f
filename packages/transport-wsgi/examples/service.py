"""
A service for a web server to run, as ``service:app``: each worker process that imports this has its receiving loop.

    gunicorn --workers 2 --worker-class gthread --threads 16 service:app
    granian --interface wsgi --blocking-threads 16 service:app
    uwsgi --http11-socket :8000 --module service:app --master --lazy-apps --enable-threads --threads 16 \
          --hook-master-start "unix_signal:15 gracefully_kill_them_all"
    waitress-serve --threads 16 service:app     (it drops what is under way on SIGTERM: see waitress_server.py)
"""

import threading

from transport_base import serve
from transport_wsgi import WsgiServerTransport


def handle(message: str) -> str:
    """Return the reply to *message*."""
    return message.upper()


# Less than the 30 seconds after which gunicorn kills a worker, so that a client gets a 504 from a handler that hangs.
app = WsgiServerTransport(reply_timeout=20)
threading.Thread(target=serve, args=(app, handle), kwargs={"threads": 4}, daemon=True).start()
