"""What type checkers accept of a client, and what they don't. Nothing runs this."""

import requests

from transport_base import ClientTransport, OneWayClientTransport, TransportProtocolError
from transport_http import HttpPostClientTransport, HttpStatusError


def conforms(client: HttpPostClientTransport) -> ClientTransport:
    return client


def conforms_one_way(client: HttpPostClientTransport) -> OneWayClientTransport:
    return client


def options() -> HttpPostClientTransport:
    return HttpPostClientTransport(
        "https://host/rpc",
        session=requests.Session(),
        timeout=2.5,
        max_reply_bytes=1000,
        headers={"X-Key": "value"},
        auth=("me", "secret"),
        verify="/etc/ca.pem",
        cert=("client.pem", "client.key"),
        proxies={"https": "http://proxy:3128"},
        cookies={"a": "b"},
        params={"q": "x"},
    )


def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def a_callable_auth() -> HttpPostClientTransport:
    return HttpPostClientTransport("http://host/", auth=sign, verify=False, timeout=None)


def replies(client: HttpPostClientTransport, unknown: bool) -> tuple[str, str, str | None]:
    return (
        client.send_message("a"),
        client.send_message("a", expect_reply=True),
        client.send_message("a", expect_reply=unknown),
    )


def times(client: HttpPostClientTransport, unknown: bool) -> tuple[str, None, str | None, str]:
    return (
        client.send_message("a", timeout=1.5),
        client.send_message("a", expect_reply=False, timeout=None),
        client.send_message("a", expect_reply=unknown, timeout=3),
        client.send_message("a", timeout=...),
    )


def a_time_of_text(client: HttpPostClientTransport) -> None:
    client.send_message("a", timeout="1")  # type: ignore[call-overload]


def entered(client: HttpPostClientTransport) -> str:
    with client as same:
        return same.send_message("a")


def status(error: HttpStatusError) -> tuple[TransportProtocolError, int, str, str, str | None]:
    return error, error.status_code, error.reason, error.body, error.headers.get("retry-after")


def a_header_of_ones_own(error: HttpStatusError) -> None:
    error.headers["Retry-After"] = "1"  # type: ignore[index]


def a_reply_where_none_is_expected(client: HttpPostClientTransport) -> str:
    return client.send_message("a", expect_reply=False)  # type: ignore[return-value]


def a_message_of_bytes(client: HttpPostClientTransport) -> None:
    client.send_message(b"a")  # type: ignore[call-overload]


def a_misspelt_option() -> None:
    HttpPostClientTransport("http://host/", header={})  # type: ignore[call-arg]


def a_timeout_of_text() -> None:
    HttpPostClientTransport("http://host/", timeout="1")  # type: ignore[arg-type]


def a_positional_session() -> None:
    HttpPostClientTransport("http://host/", requests.Session())  # type: ignore[call-arg]


def headers_of_numbers() -> None:
    HttpPostClientTransport("http://host/", headers={"a": 1})  # type: ignore[dict-item]
