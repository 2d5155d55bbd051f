"""No client can fill the log."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from transport_wsgi import WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


def test_requests_that_time_out_make_one_line_in_a_while(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    transport = WsgiServerTransport(reply_timeout=0.001)
    for _ in range(50):
        assert ask(transport, b"x")[0] == 504
    assert caplog.messages == ["no reply within 0.001 s"]


def test_dropped_messages_make_one_line_in_a_while(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    transport = WsgiServerTransport()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(50):
            answer = pool.submit(ask, transport, b"x")
            transport.drop(transport.receive_message(timeout=10)[0])
            assert answer.result(10)[0] == 500
    assert caplog.messages == ["a message was dropped; its client got status 500"]


class Clock:
    now = 1.0

    def monotonic(self) -> float:
        return self.now


def test_a_later_line_counts_those_that_were_left_out(
    ask: Ask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("transport_wsgi._throttle.time", clock)
    transport = WsgiServerTransport(reply_timeout=0.001)
    for _ in range(4):
        ask(transport, b"x")
    clock.now += 31
    ask(transport, b"x")
    clock.now += 31
    ask(transport, b"x")
    line = "no reply within 0.001 s"
    assert caplog.messages == [line, f"{line} (and 3 more like this since the last such line)", line]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
