"""A transport made before a fork refuses to work in the child, and the parent does not notice."""

import os
import sys
from collections.abc import Callable

import pytest
import zmq

from transport_base import TransportError
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]


def in_a_fork(check: Callable[[], bool]) -> bool:
    """Tell what *check* returns in a forked child."""
    child = os.fork()
    if child == 0:
        outcome = 1
        try:
            outcome = 0 if check() else 2
        finally:
            sys.stderr.flush()
            os._exit(outcome)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is the point
def test_a_forked_child_is_told_and_the_parent_works_on(context: Context, echo: ZmqServerTransport) -> None:
    with ZmqClientTransport.create(context, echo.endpoint, 5) as client:
        assert client.send_message("before") == "before"
        calls: list[Callable[[], object]] = [
            lambda: client.send_message("x"),
            lambda: client.send_message("x", expect_reply=False),
            lambda: echo.receive_message(1),
            lambda: echo.send_reply(None, "x"),  # type: ignore[arg-type]
        ]

        def check() -> bool:
            for call in calls:
                with pytest.raises(TransportError, match="made before a fork"):
                    call()
            client.close()
            echo.close()
            return True

        assert in_a_fork(check)
        assert client.send_message("after") == "after"
