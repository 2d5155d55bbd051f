"""
A service for a web server with greenlets, as ``service_gevent:app``: the loop is a greenlet, too.

gunicorn --workers 2 --worker-class gevent service_gevent:app
"""

import gevent
import gevent.queue
from service import handle

from transport_base import serve
from transport_wsgi import WsgiServerTransport

app = WsgiServerTransport(queue_class=gevent.queue.Queue, reply_timeout=20)
gevent.spawn(serve, app, handle)
