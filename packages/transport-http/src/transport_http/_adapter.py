"""The adapter by which a session of requests uses connections that keep to the limits of a call."""

from importlib.metadata import version
from typing import Any

import urllib3
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.connection import HTTPConnection

from ._connection import POOL_CLASSES

# The connections are written for this major version; with any other, requests' own adapter does the work.
SUPPORTED = version("urllib3").startswith("2.")

# So many threads find an idle connection again; more connect anew each time.
_POOL_SIZE = 64


class BoundedAdapter(HTTPAdapter):
    """
    ``requests``' adapter, with pools of connections that keep to the limits of the current call.

    It never retries.
    """

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = POOL_CLASSES

    def renew(self) -> None:
        """Start again without a connection, in a forked child; nothing that was there before is touched."""
        # Not close(): a thread that only the parent has may have held a lock of the old managers.
        self.init_poolmanager(DEFAULT_POOLSIZE, _POOL_SIZE)
        self.proxy_manager: dict[str, Any] = {}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        # urllib3 leaves TCP_NODELAY off towards proxies: a large message then waits 40 ms for an acknowledgement.
        proxy_kwargs.setdefault("socket_options", HTTPConnection.default_socket_options)
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        # A SOCKS manager connects in its own way.
        if type(manager) is urllib3.ProxyManager:
            vars(manager)["pool_classes_by_scheme"] = POOL_CLASSES
        return manager
