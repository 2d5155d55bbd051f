"""
WSGI applications that answer each message with itself, for web servers with processes of their own.

They are made as this module is imported, which each worker process does for itself.
"""

import threading

import gevent
import gevent.monkey
import gevent.queue

from transport_base import serve
from transport_wsgi import WsgiServerTransport

if gevent.monkey.is_module_patched("threading"):
    app = WsgiServerTransport(queue_class=gevent.queue.Queue)
    gevent.spawn(serve, app, str)
else:
    app = WsgiServerTransport()
    threading.Thread(target=serve, args=(app, str), daemon=True).start()
