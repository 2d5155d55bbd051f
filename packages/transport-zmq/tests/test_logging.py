"""No peer can fill the log."""

import logging
from collections.abc import Sequence

import pytest
import zmq

from transport_zmq import ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]

MANY = 200


class Clock:
    now = 1.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([b"", b"\xff"], "dropped a message that is not UTF-8 at byte 0"),
        ([*[b""] * 70_000, b"x"], "dropped a message whose envelope is too large"),
        ([b"", bytes(1001)], "dropped a message of 1001 bytes, expected at most 1000"),
    ],
    ids=["not UTF-8", "large envelope", "too large"],
)
def test_bad_messages_make_one_line_in_a_while(
    context: Context, caplog: pytest.LogCaptureFixture, frames: Sequence[bytes], line: str
) -> None:
    many = MANY if len(frames) == 2 else 3
    # Over inproc, where libzmq itself bounds no size.
    with (
        ZmqServerTransport.create(context, "inproc://logging", max_message_bytes=1000) as server,
        context.socket(zmq.DEALER) as peer,
    ):
        peer.connect("inproc://logging")
        for _ in range(many):
            peer.send_multipart(frames)
        peer.send_multipart([b"", b"good"])
        assert server.receive_message(timeout=10)[1] == "good"
    assert caplog.messages == [line]
    assert caplog.records[0].levelno == logging.WARNING


def test_replies_that_are_not_read_make_one_line_in_a_while(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={zmq.SNDHWM: 1}) as server,
        context.socket(zmq.DEALER) as peer,
    ):
        peer.set(zmq.LINGER, 0)
        peer.set(zmq.RCVHWM, 1)
        peer.connect(server.endpoint)
        for _ in range(MANY):
            peer.send_multipart([b"", b"x"])
        for _ in range(MANY):
            envelope, _message = server.receive_message(timeout=10)
            server.send_reply(envelope, "x" * 1_000_000)
    assert caplog.messages == ["dropped a reply: its client has not read the ones before it"]


def test_a_later_line_counts_those_that_were_left_out(
    context: Context, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("transport_zmq._throttle.time", clock)
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        context.socket(zmq.DEALER) as peer,
    ):
        peer.connect(server.endpoint)

        def send(bad: int) -> None:
            for _ in range(bad):
                peer.send_multipart([b"", b"\xff"])
            peer.send_multipart([b"", b"good"])
            assert server.receive_message(timeout=10)[1] == "good"

        send(4)
        clock.now += 31
        send(1)
        clock.now += 31
        send(1)
    line = "dropped a message that is not UTF-8 at byte 0"
    assert caplog.messages == [line, f"{line} (and 3 more like this since the last such line)", line]
