"""Every status that an HTTP client can get, each through wsgiref's validator."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from transport_base import TransportContextError, TransportTimeoutError
from transport_wsgi import PendingReply, WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
Answering = Callable[..., AbstractContextManager[WsgiServerTransport]]

MESSAGES = [
    pytest.param("", id="empty"),
    pytest.param("\0", id="nul"),
    pytest.param("one\r\ntwo\n", id="line-ends"),
    pytest.param("\ufeffhello", id="bom"),
    pytest.param("\U0001f600 \U00010348", id="astral"),
    pytest.param("مرحبا 世界", id="not-latin"),
    pytest.param("x" * 1_048_576, id="1-MiB"),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_post_is_a_message_and_its_answer_the_reply(ask: Ask, answering: Answering, message: str) -> None:
    with answering(WsgiServerTransport()) as transport:
        status, headers, body = ask(transport, message.encode())
    assert (status, body) == (200, message.encode())
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


def test_handle_is_the_application_too(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport.handle, b"hello")[2] == b"hello"


def test_line_ends_in_a_reply_stay_in_the_body(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport()) as transport:
        _, headers, body = ask(transport, b"a\r\nSet-Cookie: b=c\r\n\r\nd")
    assert body == b"a\r\nSet-Cookie: b=c\r\n\r\nd"
    assert set(headers) == {"Content-Type", "Content-Length"}


def test_content_type_of_replies_can_be_chosen(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport(content_type="application/json")) as transport:
        assert ask(transport, b"{}")[1]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "prefer",
    ["respond-async", "Respond-Async", "wait=10, respond-async", "respond-async; why=not, wait=5", "respond-async,x"],
)
def test_a_message_that_wants_no_reply_is_accepted_at_once(ask: Ask, prefer: str) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    status, headers, _ = ask(transport, b"hello", HTTP_PREFER=prefer)
    assert status == 202
    assert headers["Preference-Applied"] == "respond-async"
    context, message = transport.receive_message(timeout=10)
    assert message == "hello"
    transport.send_reply(context, "nobody reads this")


@pytest.mark.parametrize(
    "prefer", ['respond-async=""', 'Respond-Async = "" ; why=not', 'wait=10, respond-async="";x="a=b"']
)
def test_an_empty_value_of_a_preference_is_the_same_as_none(ask: Ask, prefer: str) -> None:
    """So RFC 7240, section 2 has it."""
    assert ask(WsgiServerTransport(reply_timeout=0.01), b"hello", HTTP_PREFER=prefer)[0] == 202


@pytest.mark.parametrize(
    "prefer",
    [
        "",
        "wait=10",
        "respond-asynchronously",
        'x="a, respond-async, b"',
        "return=minimal",
        "respond-async=no",
        'respond-async=" "',
        'x="";respond-async',
    ],
)
def test_other_preferences_change_nothing(ask: Ask, answering: Answering, prefer: str) -> None:
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport, b"hello", HTTP_PREFER=prefer)[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "post", "BREW"])
def test_405_lists_the_methods_that_are_allowed(ask: Ask, method: str) -> None:
    # The validator warns of methods that it has never heard of.
    status, headers, body = ask(
        WsgiServerTransport(), b"hello", method, validated=method not in {"CONNECT", "post", "BREW"}
    )
    assert status == 405
    assert headers["Allow"] == "POST, OPTIONS"
    assert (body == b"") == (method == "HEAD")


def test_options_without_an_origin_lists_the_methods(ask: Ask) -> None:
    status, headers, body = ask(WsgiServerTransport(), b"", "OPTIONS")
    assert (status, headers, body) == (204, {"Allow": "POST, OPTIONS"}, b"")


def test_no_reply_in_time_is_a_504(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    status, _, body = ask(WsgiServerTransport(reply_timeout=0.01), b"secret")
    assert status == 504
    assert body
    assert "secret" not in caplog.text


def test_a_handler_that_fails_is_a_500_at_once(ask: Ask, answering: Answering) -> None:
    """The request would wait for ever, if only its reply could end it."""

    def handler(message: str) -> str:
        if message == "raise":
            raise RuntimeError
        if message == "return bytes":
            return b""  # type: ignore[return-value]  # pyright: ignore[reportReturnType]
        return "a\ud800" if message == "return no text" else message

    with answering(WsgiServerTransport(reply_timeout=None), handler) as transport:
        for message in (b"raise", b"return bytes", b"return no text"):
            assert ask(transport, message)[0] == 500
            assert ask(transport, b"good")[0] == 200


def test_a_dropped_message_is_a_500_at_once(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"secret")
        context, _ = transport.receive_message(timeout=10)
        transport.drop(context)
        assert answer.result(10)[0] == 500
    with pytest.raises(TransportContextError, match="answered or dropped before"):
        transport.drop(context)
    with pytest.raises(TransportContextError, match="answered or dropped before"):
        transport.send_reply(context, "late")
    assert "secret" not in caplog.text


def test_an_answered_message_cannot_be_dropped(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        transport.send_reply(context, "the reply")
        with pytest.raises(TransportContextError, match="answered or dropped before"):
            transport.drop(context)
        assert answer.result(10)[2] == b"the reply"


@pytest.mark.parametrize("context", [None, 42, PendingReply()], ids=repr)
def test_only_a_context_can_be_dropped(context: Any) -> None:
    with pytest.raises(TransportContextError, match="expected one that this server gave"):
        WsgiServerTransport().drop(context)


def test_dropping_a_message_whose_request_gave_up_returns_quietly(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        assert answer.result(10)[0] == 504
        transport.drop(context)


def test_a_forgotten_context_ends_after_the_reply_timeout(ask: Ask) -> None:
    """Nothing depends on when, or whether, an object is finalised."""
    transport = WsgiServerTransport(reply_timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        transport.receive_message(timeout=10)
        assert answer.result(10)[0] == 504


def test_a_context_that_is_kept_keeps_its_request_waiting(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        with pytest.raises(TypeError):
            transport.send_reply(context, None)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="lone surrogate at index 1"):
            transport.send_reply(context, "a\ud800")
        assert not answer.done()
        transport.send_reply(context, "at last")
        assert answer.result(10)[2] == b"at last"


def test_too_many_messages_are_refused_until_some_are_received(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending=2)
    for _ in range(2):
        assert ask(transport, b"hello", HTTP_PREFER="respond-async")[0] == 202
    for prefer in ("respond-async", "wait=1"):
        status, headers, _ = ask(transport, b"hello", HTTP_PREFER=prefer)
        assert status == 503
        assert headers["Retry-After"] == "1"
    transport.receive_message(timeout=0)
    assert ask(transport, b"hello", HTTP_PREFER="respond-async")[0] == 202


def test_max_pending_is_exact_when_many_requests_race(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending=50)
    start = threading.Barrier(16)

    def race() -> list[int]:
        start.wait(10)
        return [ask(transport, b"hello", HTTP_PREFER="respond-async")[0] for _ in range(20)]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for racer in [pool.submit(race) for _ in range(16)] for status in racer.result(60)]
    assert (statuses.count(202), statuses.count(503)) == (50, 16 * 20 - 50)
    for _ in range(50):
        transport.receive_message(timeout=0)
    with pytest.raises(TransportTimeoutError):
        transport.receive_message(timeout=0)


def test_messages_that_were_given_up_are_not_counted_as_pending(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending=1, reply_timeout=0.01)
    for _ in range(3):
        assert ask(transport, b"hello")[0] == 504


def test_no_answer_and_no_log_line_shows_the_message(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = WsgiServerTransport(reply_timeout=0.01, max_pending=1, max_content_length=10)
    answers = [
        ask(transport, b"secret"),
        ask(transport, b"secret \xff"),
        ask(transport, b"secret", HTTP_PREFER="respond-async"),
        ask(transport, b"secret"),
        ask(transport, b"secret" * 2),
        ask(transport, b"secret", HTTP_ORIGIN="http://elsewhere.example"),
    ]
    transport.send_reply(transport.receive_message(timeout=0)[0], "secret")
    transport.close()
    answers.append(ask(transport, b"secret"))
    assert [status for status, _, _ in answers] == [504, 400, 202, 503, 413, 403, 503]
    for _, headers, body in answers:
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert b"secret" not in body
        assert body.endswith(b".\n")
    assert "secret" not in caplog.text
