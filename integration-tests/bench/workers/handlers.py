"""What the workers do: wait a while, as for a database, and reply who they are."""

import os
import threading
import time

QUICK, SLOW = 0.005, 0.05


def quick(_message: str) -> str:
    time.sleep(QUICK)
    return str(os.getpid())


def slow(_message: str) -> str:
    time.sleep(SLOW)
    return str(os.getpid())


def at_once(_message: str) -> str:
    return str(os.getpid())


def application(handler_name: str) -> object:
    """Return a WSGI application that has one message under way."""
    from transport_base import serve  # noqa: PLC0415  # not needed by the others
    from transport_wsgi import WsgiServerTransport  # noqa: PLC0415

    app = WsgiServerTransport(reply_timeout=20)
    threading.Thread(target=serve, args=(app, globals()[handler_name]), daemon=True).start()
    return app
