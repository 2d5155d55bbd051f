"""
Messages over HTTP: each one is the body of a POST request, and its reply is the body of the response.

``requests`` prepares the requests and gives its options (headers, authentication, TLS, proxies, cookies); the sockets
are this package's own.
"""

# Who owns what, and which way data flows: client -> call -> connection -> reply.
#
# _client      one client: checks the message, follows redirects, turns failures into transport errors.
# _session     what requests prepares: a copy of the session, the head of the requests, the settings.
# _engine      the calls in progress and the idle connections of one client, behind one lock. It sends a request and
#              returns the response; as a transport adapter it does so for requests, too.
# _connection  one call (its deadline, what it may receive, the connection in its hand) and one connection, which is
#              owned by one call or by the engine, never by two; also how it is opened.
# _response    the head of a response, and where its body ends.
# _reply       from the body to text: content coding and charset.

from ._client import HttpPostClientTransport
from ._errors import HttpStatusError

__all__ = ["HttpPostClientTransport", "HttpStatusError"]

__version__ = "1.1.0"
