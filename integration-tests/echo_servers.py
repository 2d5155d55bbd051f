"""Echo servers in processes of their own, each with a client: for those tests that need no hand on the server."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from interfaces import Client

ECHO_SERVERS: dict[str, Callable[[], AbstractContextManager[Client]]] = {}
