"""What waits in the transport is bounded, in bytes as well as in messages."""

import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from transport_wsgi import WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


def one_way(ask: Ask, transport: WsgiServerTransport, text: str) -> int:
    return ask(transport, text.encode(), HTTP_PREFER="respond-async")[0]


def test_messages_wait_up_to_the_bytes_that_they_take(ask: Ask) -> None:
    size = sys.getsizeof("x" * 1000)
    transport = WsgiServerTransport(max_pending_bytes=3 * size)
    assert [one_way(ask, transport, "x" * 1000) for _ in range(4)] == [202, 202, 202, 503]
    transport.receive_message(timeout=0)
    assert [one_way(ask, transport, "x" * 1000) for _ in range(2)] == [202, 503]


def test_wide_characters_count_for_what_they_take(ask: Ask) -> None:
    """One emoji, and every character of the message takes four bytes."""
    transport = WsgiServerTransport(max_pending_bytes=10_000)
    assert one_way(ask, transport, "x" * 2000 + "\U0001f600") == 202
    assert one_way(ask, transport, "x" * 2000) == 503
    assert one_way(ask, transport, "x" * 1500) == 202


def test_a_single_message_is_let_in_whatever_it_takes(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending_bytes=1)
    assert one_way(ask, transport, "x" * 1000) == 202
    assert one_way(ask, transport, "") == 503


class Unread(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("the body was read")


def test_a_message_for_which_there_is_no_room_is_refused_before_it_is_read(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending_bytes=10_000)
    assert one_way(ask, transport, "x" * 9_000) == 202
    body = {"CONTENT_LENGTH": "2000", "wsgi_input": Unread()}
    status, headers, _ = ask(transport, b"", validated=False, **body)
    assert (status, headers["Retry-After"]) == (503, "1")


def test_what_was_given_up_takes_no_room(ask: Ask) -> None:
    transport = WsgiServerTransport(max_pending_bytes=1000, reply_timeout=0.01)
    for _ in range(5):
        assert ask(transport, b"x" * 800)[0] == 504
    assert one_way(ask, transport, "x" * 800) == 202


def test_a_waiting_request_keeps_no_message_alive(ask: Ask) -> None:
    transport = WsgiServerTransport()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"x" * 1_000_000)
        context, message = transport.receive_message(timeout=10)
        # This function's, and the argument, which Python 3.14 borrows.
        assert sys.getrefcount(message) <= 2
        transport.send_reply(context, "done")
        assert answer.result(10)[2] == b"done"
