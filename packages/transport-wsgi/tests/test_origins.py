"""Which web pages may send messages."""

from collections.abc import Callable, Collection

import pytest

from transport_base import TransportTimeoutError
from transport_wsgi import WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]

HERE = "https://app.example"
THERE = "http://localhost:3000"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
@pytest.mark.parametrize(
    ("allow_origin", "origin"),
    [
        pytest.param(None, HERE, id="none-allowed"),
        pytest.param([], HERE, id="empty-collection"),
        pytest.param(None, "http://127.0.0.1:8000", id="same-host"),
        pytest.param(HERE, THERE, id="another"),
        pytest.param(HERE, "null", id="null"),
        pytest.param(HERE, "", id="empty"),
        pytest.param(HERE, f"{HERE}.evil.example", id="longer"),
        pytest.param(HERE, "http://app.example", id="other-scheme"),
        pytest.param(HERE, f"{HERE}:8443", id="other-port"),
        pytest.param((HERE, THERE), f"{HERE}, {THERE}", id="two-at-once"),
    ],
)
def test_a_foreign_origin_is_refused_before_its_message_is_delivered(
    ask: Ask, method: str, allow_origin: str | Collection[str] | None, origin: str
) -> None:
    transport = WsgiServerTransport(allow_origin=allow_origin)
    status, headers, body = ask(transport, b"rm", method, HTTP_ORIGIN=origin, HTTP_HOST="127.0.0.1:8000")
    assert status == 403
    assert b"allow_origin" in body
    assert "Access-Control-Allow-Origin" not in headers
    with pytest.raises(TransportTimeoutError):
        transport.receive_message(timeout=0)


@pytest.mark.parametrize(
    ("allow_origin", "expected"),
    [
        pytest.param("*", {"Access-Control-Allow-Origin": "*"}, id="any"),
        pytest.param(HERE, {"Access-Control-Allow-Origin": HERE, "Vary": "Origin"}, id="one"),
        pytest.param({THERE, HERE}, {"Access-Control-Allow-Origin": HERE, "Vary": "Origin"}, id="several"),
        pytest.param(
            "https://APP.example:443", {"Access-Control-Allow-Origin": HERE, "Vary": "Origin"}, id="other-form"
        ),
    ],
)
def test_a_page_of_an_allowed_origin_can_read_every_answer(
    ask: Ask, allow_origin: str | Collection[str], expected: dict[str, str]
) -> None:
    transport = WsgiServerTransport(allow_origin=allow_origin, reply_timeout=0.01, max_pending=1, max_content_length=10)
    answers = [
        ask(transport, b"hello", HTTP_ORIGIN=HERE),
        ask(transport, b"\xff", HTTP_ORIGIN=HERE),
        ask(transport, b"hello", HTTP_ORIGIN=HERE, HTTP_PREFER="respond-async"),
        ask(transport, b"hello", HTTP_ORIGIN=HERE),
        ask(transport, b"hello" * 3, HTTP_ORIGIN=HERE),
        ask(transport, b"", "GET", HTTP_ORIGIN=HERE),
    ]
    assert [status for status, _, _ in answers] == [504, 400, 202, 503, 413, 405]
    for _, headers, _ in answers:
        assert expected.items() <= headers.items()


def test_preflight_lists_what_a_page_may_send(ask: Ask) -> None:
    status, headers, body = ask(
        WsgiServerTransport(allow_origin=HERE),
        b"",
        "OPTIONS",
        HTTP_ORIGIN=HERE,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-evil, prefer",
    )
    assert (status, body) == (204, b"")
    assert headers == {
        "Allow": "POST, OPTIONS",
        "Access-Control-Allow-Origin": HERE,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, Prefer",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


SUBDOMAINS = ["https://*.example.com", "http://*.localhost:3000"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://a.b-c.example.com",
        "https://xn--bcher-kva.example.com",
        "http://a.localhost:3000",
    ],
)
def test_subdomains_are_let_in_by_a_wildcard(ask: Ask, origin: str) -> None:
    transport = WsgiServerTransport(allow_origin=SUBDOMAINS)
    status, headers, _ = ask(transport, b"hello", HTTP_ORIGIN=origin, HTTP_PREFER="respond-async")
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (202, origin, "Origin")


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "https://.example.com",
        "https://evilexample.com",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com@evil.example",
        "https://evil.example/.example.com",
        "https://evil.example#.example.com",
        "https://a..example.com",
        "https://app.example.com.",
        "https://*.example.com",
        "http://a.localhost",
        "null",
    ],
)
def test_a_wildcard_matches_whole_labels_of_one_scheme_and_port(ask: Ask, origin: str) -> None:
    transport = WsgiServerTransport(allow_origin=SUBDOMAINS)
    assert ask(transport, b"hello", HTTP_ORIGIN=origin)[0] == 403


@pytest.mark.parametrize("allow_headers", [["Authorization", "X-Request-Id"], ("Content-Type",), ["*"]])
def test_preflight_names_the_headers_that_pages_may_send(ask: Ask, allow_headers: Collection[str]) -> None:
    transport = WsgiServerTransport(allow_origin=HERE, allow_headers=allow_headers)
    _, headers, _ = ask(transport, b"", "OPTIONS", HTTP_ORIGIN=HERE, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
    assert headers["Access-Control-Allow-Headers"] == ", ".join(allow_headers)


def test_no_headers_to_allow_means_no_header_for_them(ask: Ask) -> None:
    _, headers, _ = ask(WsgiServerTransport(allow_origin="*", allow_headers=[]), b"", "OPTIONS", HTTP_ORIGIN=HERE)
    assert "Access-Control-Allow-Headers" not in headers


@pytest.mark.parametrize("allow_origin", ["*", HERE, None])
def test_a_page_of_a_public_network_may_ask_a_private_one_if_its_origin_is_allowed(
    ask: Ask, allow_origin: str | None
) -> None:
    status, headers, _ = ask(
        WsgiServerTransport(allow_origin=allow_origin),
        b"",
        "OPTIONS",
        HTTP_ORIGIN=HERE,
        HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK="true",
    )
    told = headers.get("Access-Control-Allow-Private-Network")
    assert (status, told) == ((403, None) if allow_origin is None else (204, "true"))


def test_a_request_without_an_origin_is_let_in_and_gets_no_headers_for_pages(ask: Ask) -> None:
    for allow_origin in (None, "*", HERE):
        transport = WsgiServerTransport(allow_origin=allow_origin)
        _, headers, _ = ask(transport, b"hello", HTTP_PREFER="respond-async")
        assert transport.receive_message(timeout=0)[1] == "hello"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "origin",
    [
        "example.com",
        "https://example.com/",
        "https://example.com/path",
        "https://",
        "//example.com",
        "https://exa mple.com",
        "https://example.com\r\nX: y",
        "https://exämple.com",
        "https://user@example.com",
        "https://example.com:port",
        "https://example.com:65536",
        "https://a..b",
        "https://.example.com",
        "https://a%zz",
        "https://*",
        "https://a.*.example.com",
        "https://*example.com",
        "https://*.[::1]",
        "http://[::1",
        "http://[1:2]",
        "null",
        "",
    ],
)
def test_what_is_no_origin_is_refused_by_name(origin: str) -> None:
    for allow_origin in (origin, ["https://good.example", origin]):
        with pytest.raises(ValueError, match="expected an origin") as caught:
            WsgiServerTransport(allow_origin=allow_origin)
        assert repr(origin) in str(caught.value)


def test_any_stands_alone() -> None:
    with pytest.raises(ValueError, match=r'"\*" alone'):
        WsgiServerTransport(allow_origin=["*", HERE])


@pytest.mark.parametrize(
    "origin", ["http://[0:0:0:0:0:0:0:1]:8000", "chrome-extension://abcdefgh", "http://a_b.example"]
)
def test_unusual_origins_are_taken(ask: Ask, origin: str) -> None:
    transport = WsgiServerTransport(allow_origin=origin)
    sent = origin.replace("0:0:0:0:0:0:0:1", "::1")  # as browsers write it
    assert ask(transport, b"hello", HTTP_ORIGIN=sent, HTTP_PREFER="respond-async")[0] == 202
