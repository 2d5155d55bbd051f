"""The options of requests take effect, whichever way the message is sent."""

import base64
import copy
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from requests.cookies import RequestsCookieJar

import transport_http
from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportProtocolError,
    TransportTimeoutError,
)
from transport_http import HttpPostClientTransport, HttpStatusError

from .conftest import Peer, Serve, Server, response, say


def ignore(_response: requests.Response, **_: Any) -> None:
    """A hook that changes nothing, but how the message goes."""


def test_the_public_names_are_those_of_all() -> None:
    public = {
        name for name, value in vars(transport_http).items() if not name.startswith("_") and isinstance(value, type)
    }
    assert sorted(public) == transport_http.__all__


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "no-scheme/path",
        "ftp://host/",
        "http://",
        "http://host:port/",
        "http://[::1/",
        "://",
        "mailto:a@b",
        "http://a..b/",
    ],
)
def test_a_malformed_endpoint_is_refused_at_construction(endpoint: str) -> None:
    with pytest.raises(ValueError, match="such as http://") as caught:
        HttpPostClientTransport(endpoint)
    assert f"{endpoint.rpartition('@')[2]}'" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"header": {}}, TypeError, "unknown option 'header', expected one of auth, cert, cookies, headers"),
        ({"data": "x"}, TypeError, "unknown option 'data'"),
        ({"timeout": -1}, ValueError, "timeout is -1"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan"),
        ({"timeout": True}, TypeError, "type bool"),
        ({"timeout": "1"}, TypeError, "type str"),
        ({"timeout": (1, 2)}, TypeError, "type tuple"),
        ({"max_reply_bytes": -1}, ValueError, "max_reply_bytes is -1"),
        ({"max_reply_bytes": 1.5}, TypeError, "type float"),
        ({"max_reply_bytes": None}, TypeError, "type NoneType"),
        ({"headers": "x"}, TypeError, "headers is of type str"),
        ({"headers": {"X": "a\r\nB: c"}}, ValueError, "header"),
        ({"headers": {"X": 1}}, TypeError, "headers"),
        ({"proxies": "http://p"}, TypeError, "proxies is of type str"),
        ({"auth": "x"}, TypeError, "auth is of type str"),
        ({"verify": 1}, TypeError, "verify is of type int"),
        ({"cookies": "x"}, TypeError, "cookies is of type str"),
        ({"cert": 1}, TypeError, "cert is of type int"),
        ({"params": 1}, TypeError, "params is of type int"),
        ({"session": object()}, TypeError, "expected requests.Session"),
        ({"headers": {"X": "s3cret\u20ac"}}, ValueError, "headers\\['X'\\] has characters"),
        ({"headers": {"X": "s3cret\n"}}, ValueError, "headers\\['X'\\] has a line end"),
        ({"headers": {5: "s3cret"}}, TypeError, "headers is of type int"),
        ({"cookies": {"a": "s3cret\n"}}, ValueError, "cookies\\['a'\\] has a line end"),
        ({"cookies": {"a": "s3cret\u20ac"}}, ValueError, "cookies\\['a'\\] has characters"),
        ({"cookies": {"a": 5}}, TypeError, "cookies\\['a'\\] is of type int"),
        ({"auth": ("me", "s3cret\u20ac")}, ValueError, "the password in auth has characters"),
        ({"auth": ("me", 5)}, TypeError, "the password in auth is of type int"),
        ({"proxies": {"http": 5}}, TypeError, "proxies\\['http'\\] is of type int"),
        ({"proxies": {"http": "http://me:s3cret@h:99999999"}}, ValueError, "proxies\\['http'\\] is malformed"),
        ({"proxies": {"http": "http://me:s3cret@"}}, ValueError, "proxies\\['http'\\] is malformed"),
        ({"proxies": {"http": "http://me:s3cret/x@h:1"}}, ValueError, "proxies\\['http'\\] is malformed"),
        ({"cert": ("a", "b", "c")}, TypeError, "cert is a tuple"),
        ({"params": [1, 2]}, TypeError, "params has a int"),
        ({"params": {"a": object()}}, TypeError, "params\\['a'\\] is of type object"),
        ({"params": b"\xff"}, ValueError, "params is bytes"),
        ({"timeout": -(10**400)}, ValueError, "timeout is -inf"),
    ],
)
def test_a_wrong_option_is_refused_at_construction(options: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        HttpPostClientTransport("http://127.0.0.1/", **options)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "me:s3cret@h:1/",
        "foo:me:s3cret@h/",
        "foo://me:s3cret@h/",
        "http://me:s3cret/x@h:1/",
        "http://me:s3cret@h:99999/",
    ],
)
def test_a_password_is_never_shown(endpoint: str) -> None:
    with pytest.raises(ValueError, match="such as") as caught:
        HttpPostClientTransport(endpoint)
    assert "s3cret" not in str(caught.value)


def test_port_0_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a port"):
        HttpPostClientTransport("http://127.0.0.1:0/")


def test_a_malformed_endpoint_is_reported_without_its_password() -> None:
    with pytest.raises(ValueError, match="such as") as caught:
        HttpPostClientTransport("http://me:secret@host:port/")
    assert "secret" not in str(caught.value)


def test_an_endpoint_that_is_no_str_is_refused() -> None:
    endpoint: Any = b"http://127.0.0.1/"
    with pytest.raises(TypeError, match="type bytes"):
        HttpPostClientTransport(endpoint)


def test_a_ca_bundle_that_is_not_there_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="no-such-bundle"):
        HttpPostClientTransport("https://127.0.0.1/", verify="/no-such-bundle.pem")


@pytest.mark.parametrize(
    "timeout", [float("inf"), 10**400, 1e12, 3, None], ids=["infinite", "huge", "ages", "int", "none"]
)
def test_very_long_timeouts_wait_for_ever(echo: Server, timeout: float | None) -> None:
    with HttpPostClientTransport(echo.url, timeout=timeout) as client:
        assert client.send_message("a") == "a"


def test_params_are_added_to_the_url_once(echo: Server) -> None:
    session = requests.Session()
    session.params = {"s": "1"}
    with HttpPostClientTransport(echo.url + "?q=0", session=session, params={"p": "2"}, timeout=5) as client:
        client.send_message("a")
        client.send_message("b", expect_reply=False)
    assert [request.target for request in echo.requests] == ["/rpc?q=0&s=1&p=2"] * 2
    assert session.params == {"s": "1"}


@pytest.mark.parametrize("where", ["option", "session", "url"])
def test_basic_authentication(echo: Server, where: str) -> None:
    session = requests.Session()
    options: Any = {}
    url = echo.url
    if where == "option":
        options["auth"] = ("me", "secret")
    elif where == "session":
        session.auth = ("me", "secret")
    else:
        url = url.replace("//", "//me:secret@")
    with HttpPostClientTransport(url, session=session, timeout=5, **options) as client:
        client.send_message("a")
    assert echo.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()


def test_an_auth_callable_sees_each_message(echo: Server) -> None:
    calls: list[object] = []

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        calls.append(request)
        body = request.body
        assert isinstance(body, bytes) or body is None
        request.headers["X-Signature"] = (body or b"").hex()
        return request

    with HttpPostClientTransport(echo.url, timeout=5, auth=sign) as client:
        for text in ["ab", "", "é"]:
            assert client.send_message(text) == text
    assert [request.headers["x-signature"] for request in echo.requests] == ["6162", "", "c3a9"]
    assert len(calls) == 3
    assert echo.accepted == 1


def test_digest_authentication(serve: Serve) -> None:
    seen: list[bool] = []

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            seen.append("authorization" in request.headers)
            if seen[-1]:
                peer.reply(request.body)
            else:
                peer.reply(b"no", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"', status="401 No")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=5, auth=HTTPDigestAuth("me", "secret")) as client:
        assert client.send_message("a") == "a"
        assert client.send_message("b") == "b"
    assert seen == [False, True, True]


def test_hooks_of_the_session_see_each_response(echo: Server) -> None:
    session = requests.Session()
    seen: list[str] = []

    def see(response: requests.Response, **_: Any) -> None:
        seen.append(response.text)

    session.hooks["response"].append(see)
    with HttpPostClientTransport(echo.url, session=session, timeout=5) as client:
        assert client.send_message("a") == "a"
        assert client.send_message("b") == "b"
    assert seen == ["a", "b"]
    assert echo.accepted == 1


@pytest.mark.parametrize("hooked", [False, True], ids=["short-way", "public-way"])
def test_cookies_are_kept_in_the_session_and_sent_from_then_on(serve: Serve, hooked: bool) -> None:
    cookies: list[str | None] = []

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            cookies.append(request.headers.get("cookie"))
            peer.reply(request.body, f"Set-Cookie: n={len(cookies)}; Path=/")

    server = serve(script)
    session = requests.Session()
    if hooked:
        session.hooks["response"].append(ignore)
    with HttpPostClientTransport(server.url, session=session, timeout=5) as client:
        for text in "abc":
            assert client.send_message(text) == text
        assert session.cookies["n"] == "3"
        session.cookies.clear()
        client.send_message("d")
    assert cookies == [None, "n=1", "n=2", None]


def test_cookies_given_as_an_option_are_sent(echo: Server) -> None:
    jar: Any = RequestsCookieJar()  # its methods are not typed
    jar.set("b", "2", domain="127.0.0.1")
    with HttpPostClientTransport(echo.url, cookies={"a": "1"}, timeout=5) as client:
        client.send_message("x")
    with HttpPostClientTransport(echo.url, cookies=jar, timeout=5) as client:
        client.send_message("y")
        jar.set("b", "3", domain="127.0.0.1")
        client.send_message("z")
    assert [request.headers["cookie"] for request in echo.requests] == ["a=1", "b=2", "b=3"]


def test_a_session_that_is_passed_stays_as_it_was(echo: Server) -> None:
    session = requests.Session()
    session.headers["X-Mine"] = "yes"
    before = {name: copy.copy(value) for name, value in vars(session).items()}
    adapters = dict(session.adapters)
    with HttpPostClientTransport(echo.url, session=session, timeout=5, headers={"X-Other": "too"}) as client:
        client.send_message("a")
    after = vars(session)
    assert after["headers"] == before["headers"]
    assert {name: after[name] for name in ("auth", "proxies", "hooks", "params", "verify", "cert", "trust_env")} == {
        name: before[name] for name in ("auth", "proxies", "hooks", "params", "verify", "cert", "trust_env")
    }
    assert dict(session.adapters) == adapters
    assert echo.requests[0].headers["x-mine"] == "yes"
    assert echo.requests[0].headers["x-other"] == "too"
    assert session.post(echo.url, data=b"still works", timeout=5).text == "still works"


def test_what_a_subclass_of_session_adds_takes_part(echo: Server) -> None:
    class Tagging(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self.tag = "t"

        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            request.headers["X-Tag"] = self.tag
            return super().send(request, **kwargs)

    with HttpPostClientTransport(echo.url, session=Tagging(), timeout=5) as client:
        assert client.send_message("a") == "a"
        with pytest.raises(ValueError, match="surrogate"):
            client.send_message("\ud800")
    assert echo.requests[0].headers["x-tag"] == "t"
    assert echo.accepted == 1


class Counting(HTTPAdapter):
    """An adapter of the caller's own."""

    count = 0
    closed = False

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.count += 1
        return super().send(*args, **kwargs)

    def close(self) -> None:
        self.closed = True
        super().close()


def test_an_adapter_of_the_callers_is_used_and_not_closed(echo: Server) -> None:
    session = requests.Session()
    adapter = Counting()
    session.mount("http://", adapter)
    with HttpPostClientTransport(echo.url, session=session, timeout=5) as client:
        assert client.send_message("a") == "a"
    assert adapter.count == 1
    assert not adapter.closed
    with pytest.raises(TransportClosedError):
        client.send_message("b")
    adapter.close()


def test_the_body_is_timed_through_an_adapter_of_the_callers_too(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.drip(b"1\r\nx\r\n" * 100, 0.02)

    server = serve(script)
    session = requests.Session()
    session.mount("http://", Counting())
    with HttpPostClientTransport(server.url, session=session, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("?")
        assert time.monotonic() - start < 1.5
    session.close()


def test_the_public_way_keeps_to_the_same_limits(serve: Serve) -> None:
    """With a hook, the message goes through the session: timeout, size, redirects, close are no different."""

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.body == b"drip":
                peer.drip(b"HTTP/1.1 200 OK\r\n" * 20)
            elif request.body == b"endless redirect":
                peer.sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")
                while True:
                    peer.sock.sendall(b"x" * 65536)
            elif request.body == b"large":
                peer.reply(b"x" * 1001)
            elif request.body == b"broken":
                peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
                return
            elif request.body == b"nonsense":
                peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                return
            elif request.target == "/rpc" and request.body == b"moved":
                peer.reply(b"", "Location: /new", status="308 Moved")
            else:
                peer.reply(request.body)

    server = serve(script)
    session = requests.Session()
    session.hooks["response"].append(ignore)
    with HttpPostClientTransport(server.url, session=session, timeout=1.5, max_reply_bytes=1000) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("drip")
        assert time.monotonic() - start < 2.5
        with pytest.raises((HttpStatusError, TransportProtocolError)):
            client.send_message("endless redirect")
        with pytest.raises(TransportProtocolError, match="at most"):
            client.send_message("large")
        with pytest.raises(TransportConnectionError):
            client.send_message("broken")
        with pytest.raises(TransportProtocolError):
            client.send_message("nonsense")
        assert client.send_message("moved") == "moved"
        assert client.send_message("on") == "on"


def test_close_wakes_a_call_on_the_public_way(serve: Serve) -> None:
    asked = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        asked.set()
        peer.stopped.wait(20)

    server = serve(script)
    session = requests.Session()
    session.hooks["response"].append(ignore)
    client = HttpPostClientTransport(server.url, session=session)
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.send_message("?")
        except TransportClosedError as exc:
            errors.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    assert asked.wait(10)
    client.close()
    thread.join(1)
    assert not thread.is_alive()
    assert len(errors) == 1


@pytest.fixture
def proxy(serve: Serve) -> Server:
    """A forward proxy for http: connects to the target's host, and passes the message on."""

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            server.requests.append(request)
            parts = urlsplit(request.target)
            passed = {name: value for name, value in request.headers.items() if not name.startswith("proxy-")}
            response = requests.post(f"http://{parts.netloc}{parts.path}", data=request.body, headers=passed, timeout=5)
            peer.reply(response.content, status=f"{response.status_code} {response.reason}")

    server = serve(script)
    return server


@pytest.mark.parametrize("where", ["option", "session", "environment"])
def test_a_proxy_takes_the_messages(echo: Server, proxy: Server, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    address = f"http://me:secret@127.0.0.1:{proxy.port}"
    session = requests.Session()
    options: Any = {}
    if where == "option":
        options["proxies"] = {"http": address}
    elif where == "session":
        session.proxies = {"http": address}
    else:
        monkeypatch.setenv("http_proxy", address)
    with HttpPostClientTransport(echo.url, session=session, timeout=5, **options) as client:
        monkeypatch.delenv("http_proxy", raising=False)
        for text in ["a", "é" * 100_000]:
            assert client.send_message(text) == text
    assert [request.target for request in proxy.requests] == [echo.url] * 2
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    assert proxy.accepted == 1


def test_a_proxy_that_is_not_there_is_a_connection_error(echo: Server, proxy: Server) -> None:
    proxy.close()
    proxies = {"http": f"http://127.0.0.1:{proxy.port}", "https": f"http://127.0.0.1:{proxy.port}"}
    for url in (echo.url, echo.url.replace("http:", "https:")):
        with (
            HttpPostClientTransport(url, timeout=5, proxies=proxies) as client,
            pytest.raises(TransportConnectionError),
        ):
            client.send_message("?")
    assert echo.accepted == 0


def test_a_proxy_that_refuses_a_tunnel_is_a_connection_error(serve: Serve) -> None:
    server = serve(say(response(b"", status="403 Forbidden")))
    with (
        HttpPostClientTransport("https://host.invalid/", timeout=5, proxies={"https": server.url}) as client,
        pytest.raises(TransportConnectionError, match="403"),
    ):
        client.send_message("?")


def test_a_proxy_that_drips_keeps_to_the_timeout(serve: Serve) -> None:
    server = serve(say(b"", drip=b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50))
    with HttpPostClientTransport("https://host.invalid/", timeout=0.5, proxies={"https": server.url}) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("?")
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_client_cannot_be_copied(copied: Callable[[object], object]) -> None:
    with (
        HttpPostClientTransport("http://127.0.0.1/") as client,
        pytest.raises(TypeError, match="cannot be copied or pickled: make another one"),
    ):
        copied(client)


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1", "foo://127.0.0.1", "ftp://127.0.0.1:9"])
def test_a_proxy_of_an_unknown_scheme_is_refused_at_construction(proxy: str) -> None:
    with pytest.raises(ValueError, match=r"a proxy has the scheme '(ftp|foo)', expected http, https or socks4"):
        HttpPostClientTransport("http://127.0.0.1:9/", proxies={"http": proxy})


@pytest.mark.parametrize("name", ["Transfer-Encoding ", "Content-Length ", "X\t", "X Y", ""])
def test_a_header_name_that_is_no_token_is_refused_at_construction(name: str) -> None:
    with pytest.raises(ValueError, match="a header is malformed"):
        HttpPostClientTransport("http://127.0.0.1:9/", headers={name: "x"})


def test_authentication_that_takes_its_time_keeps_no_other_call_waiting(echo: Server) -> None:
    first, go_on = threading.Event(), threading.Event()

    def slow_once(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not first.is_set():
            first.set()
            assert go_on.wait(30)
        return request

    with HttpPostClientTransport(echo.url, auth=slow_once, timeout=60) as client:
        slow = threading.Thread(target=client.send_message, args=("slow",))
        slow.start()
        try:
            assert first.wait(30)
            assert client.send_message("fast") == "fast"
        finally:
            go_on.set()
            slow.join(30)
