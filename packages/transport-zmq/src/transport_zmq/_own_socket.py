"""
Sockets that this package opens: known to their context, but closed only by the thread that has the turn.

``zmq.Context.destroy()``, and leaving ``with zmq.Context()``, close every socket of the context in the calling
thread, also one in which another thread waits at that moment; libzmq then aborts the process. A socket of this
package leaves that to its owner: its ``close()`` asks it to. The thread that waits is woken by the termination of the
context, which follows (ETERM), and the socket is closed as it leaves.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import zmq

from ._waiting import is_green


class OwnSocket(zmq.Socket[bytes]):
    """A socket whose ``close()`` is up to *closer*, once there is one."""

    closer: Callable[[], object] | None = None

    def close(self, linger: int | None = None) -> None:
        """Ask the owner to close the socket; do it when there is none yet."""
        if self.closer is None:
            super().close(linger)
        else:
            self.closer()

    def close_in_turn(self, linger: int | None = None) -> None:
        """Close the socket; only for the thread that has the turn."""
        super().close(linger)
        self.closer = None  # behind it: until then, others ask


def own_socket_class(context: zmq.Context[Any]) -> type[OwnSocket]:
    """Return the class of the sockets to open in *context*: for threads, or for greenlets."""
    return _green_class() if is_green(context) else OwnSocket


@cache
def _green_class() -> type[OwnSocket]:
    import zmq.green  # noqa: PLC0415  # its context has imported it

    class OwnGreenSocket(OwnSocket, zmq.green.Socket):  # type: ignore[type-arg]  # generic only for type checkers
        """The same for greenlets."""

    return OwnGreenSocket
