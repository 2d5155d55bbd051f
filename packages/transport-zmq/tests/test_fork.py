"""A transport made before a fork refuses to work in the child, and the parent does not notice."""

import gc
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
def test_a_forked_child_gets_an_error_and_the_parent_works_on(context: Context, echo: ZmqServerTransport) -> None:
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


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is the point
def test_a_context_used_before_a_fork_is_refused_in_the_child() -> None:
    """Its threads, which do all the work, stay in the parent."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.REQ) as request:
        makers: list[Callable[[], object]] = [
            lambda: ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", 1),
            lambda: ZmqServerTransport.create(context, "tcp://127.0.0.1:*"),
            lambda: ZmqServerTransport(router),
            lambda: ZmqClientTransport(request),
        ]

        def check() -> bool:
            for make in makers:
                with pytest.raises(TransportError, match=r"before a fork.*expected"):
                    make()
            return True

        # Where applications fork after loading, they may have asked the collector to leave alone what there is.
        gc.freeze()
        try:
            assert in_a_fork(check)
        finally:
            gc.unfreeze()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is the point
def test_a_context_first_used_after_a_fork_works_on_both_sides() -> None:
    """libzmq starts the threads of a context with its first socket."""
    with zmq.Context() as context:

        def check() -> bool:
            assert_works(context)
            return True

        assert in_a_fork(check)
        assert_works(context)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # that is the point
def test_a_context_made_after_a_fork_works_in_the_child(context: Context, echo: ZmqServerTransport) -> None:
    with ZmqClientTransport.create(context, echo.endpoint, 10) as client:
        assert client.send_message("before") == "before"

        def check() -> bool:
            with zmq.Context() as own:
                assert_works(own)
            return True

        assert in_a_fork(check)


def assert_works(context: Context) -> None:
    """Have a message go and its reply come back, within *context*."""
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        ZmqClientTransport.create(context, server.endpoint, 10) as client,
    ):
        client.send_message("x", expect_reply=False)
        assert server.receive_message(10)[1] == "x"
