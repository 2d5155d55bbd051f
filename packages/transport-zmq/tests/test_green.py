"""Greenlets: waiting blocks one of them and never the hub, with and without monkey-patching."""

import subprocess
import sys

import pytest

# It has no wheel for free-threaded Pythons.
pytest.importorskip("gevent")

# Each runs in a process of its own: a hub and patches are for good.
CASES = {
    "calls run side by side and the hub turns meanwhile": """
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            with ZmqClientTransport.create(context, server.endpoint, 5) as client:
                calls = [gevent.spawn(client.send_message, str(n)) for n in range(20)]
                waiting = [server.receive_message(5) for _ in calls]
                for envelope, text in reversed(waiting):
                    server.send_reply(envelope, text + "!")
                gevent.joinall(calls, timeout=5, raise_error=True)
                assert [call.value for call in calls] == [f"{n}!" for n in range(20)]
    """,
    "several greenlets may receive and be closed": """
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        loops = [gevent.spawn(serve, server, str.upper) for _ in range(3)]
        with ZmqClientTransport.create(context, server.endpoint, 5) as client:
            assert [client.send_message(word) for word in "abc"] == ["A", "B", "C"]
        server.close()
        gevent.joinall(loops, timeout=5, raise_error=True)
        assert all(loop.successful() for loop in loops)
    """,
    "a reply wakes the greenlet that waits": """
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            with ZmqClientTransport.create(context, server.endpoint, 5) as client:
                call = gevent.spawn(client.send_message, "x")
                envelope, _ = server.receive_message(5)
                waits = gevent.spawn(outcome, server.receive_message)
                gevent.sleep(0.05)
                server.send_reply(envelope, "from outside")
                assert call.get(timeout=5) == "from outside"
                server.close()
                assert isinstance(waits.get(timeout=5), TransportClosedError)
    """,
    "waits end with their time": """
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            for timeout in (0, 0.1, 0.7):
                try:
                    server.receive_message(timeout)
                except TransportTimeoutError:
                    pass
                else:
                    raise AssertionError(timeout)
            for timeout in (0, 0.1, 0.7):
                with ZmqClientTransport.create(context, server.endpoint, timeout) as client:
                    try:
                        client.send_message("x")
                    except TransportTimeoutError:
                        pass
                    else:
                        raise AssertionError(timeout)
    """,
    "closing a client wakes its calls": """
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            client = ZmqClientTransport.create(context, server.endpoint)
            call = gevent.spawn(outcome, client.send_message, "x")
            server.receive_message(5)
            client.close()
            assert isinstance(call.get(timeout=5), TransportClosedError)
    """,
    "sockets of one's own take turns": """
        router, req = context.socket(zmq.ROUTER), context.socket(zmq.REQ)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        req.connect(f"tcp://127.0.0.1:{port}")
        with ZmqServerTransport(router) as server, ZmqClientTransport(req, 5) as client:
            loop = gevent.spawn(serve, server, str.upper)
            calls = [gevent.spawn(client.send_message, str(n)) for n in range(20)]
            gevent.joinall(calls, timeout=5, raise_error=True)
            assert [call.value for call in calls] == [str(n) for n in range(20)]
        loop.join(5)
        router.close(0)
        req.close(0)
    """,
    "one-way messages arrive": """
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            with ZmqClientTransport.create(context, server.endpoint, 5) as client:
                for n in range(20):
                    client.send_message(str(n), expect_reply=False)
            assert [server.receive_message(5)[1] for _ in range(20)] == [str(n) for n in range(20)]
            assert isinstance(outcome(server.receive_message, 0.1), TransportTimeoutError)
    """,
}

PROGRAM = """
import gevent
import zmq.green as zmq
from transport_base import TransportClosedError, TransportTimeoutError, serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

turns = 0

def count():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)

def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return error

counter = gevent.spawn(count)
context = zmq.Context()
with gevent.Timeout(30):
    if True:{case}
counter.kill()
context.term()
print("turns", turns)
"""


@pytest.mark.parametrize("patched", [False, True], ids=["plain", "monkey-patched"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_greenlets_wait_without_stopping_the_hub(case: str, patched: bool) -> None:
    patch = "from gevent import monkey; monkey.patch_all()\n" if patched else ""
    program = patch + PROGRAM.replace("{case}", case)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert int(result.stdout.removeprefix("turns ")) > 1
