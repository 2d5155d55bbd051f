"""Who is let in: keys on ZeroMQ, certificates over HTTP, origins of web pages. And what the logs keep to themselves."""

import logging
import os
import shutil
import ssl
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import zmq
from browser import PATIENCE, Site, chromium, site, visiting
from pairs import PAIRS
from tasks import DEADLINE, tasks
from web_servers import waitress_server, werkzeug_server
from zmq.auth import create_certificates, load_certificate  # pyright: ignore[reportUnknownVariableType]  # half typed
from zmq.auth.thread import ThreadAuthenticator

from transport_base import TransportConnectionError, TransportError, TransportTimeoutError, serve
from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]
Options = dict[int, int | bytes | str]

# Seconds for a call that must not get through: many times what one takes that does.
SHORT = 0.5


# --- CURVE


class Keys:
    """A pair of CURVE keys."""

    def __init__(self) -> None:
        self.public, self.secret = zmq.curve_keypair()

    def for_a_server(self) -> Options:
        return {zmq.CURVE_SERVER: 1, zmq.CURVE_SECRETKEY: self.secret}

    def for_a_client_of(self, server: "Keys") -> Options:
        return {
            zmq.CURVE_SERVERKEY: server.public,
            zmq.CURVE_PUBLICKEY: self.public,
            zmq.CURVE_SECRETKEY: self.secret,
        }


@pytest.fixture
def context() -> Iterator[Context]:
    with zmq.Context() as context:
        yield context


def gets_through(context: Context, server: ZmqServerTransport, options: Options) -> None:
    with (
        tasks() as running,
        ZmqClientTransport.create(context, server.endpoint, DEADLINE, socket_options=options) as client,
    ):
        call = running.start(client.send_message, "let me in")
        envelope, message = server.receive_message(DEADLINE)
        server.send_reply(envelope, f"welcome, {message}")
        assert call.result(DEADLINE) == "welcome, let me in"


def stays_outside(context: Context, server: ZmqServerTransport, options: Options) -> None:
    with ZmqClientTransport.create(context, server.endpoint, SHORT, socket_options=options) as client:
        with pytest.raises(TransportTimeoutError):
            client.send_message("let me in")
        with pytest.raises(TransportTimeoutError):
            client.send_message("let me in", expect_reply=False)
    with pytest.raises(TransportTimeoutError):
        server.receive_message(0.1)


def test_curve_lets_in_only_clients_with_the_servers_key(context: Context) -> None:
    server_keys, client_keys = Keys(), Keys()
    with ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options=server_keys.for_a_server()) as server:
        gets_through(context, server, client_keys.for_a_client_of(server_keys))
        stays_outside(context, server, client_keys.for_a_client_of(Keys()))
        stays_outside(context, server, {})
        gets_through(context, server, client_keys.for_a_client_of(server_keys))


def test_curve_client_does_not_talk_to_a_server_without_keys(context: Context) -> None:
    with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
        stays_outside(context, server, Keys().for_a_client_of(Keys()))


def test_allow_list_of_keys_lets_in_those_on_it(context: Context, tmp_path: Path) -> None:
    """The recipe: pyzmq's authenticator, and a folder of public keys."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    public_file, secret_file = create_certificates(tmp_path, "friend")
    shutil.move(public_file, allowed)
    friend = Keys()
    friend.public, secret = load_certificate(secret_file)
    assert secret is not None
    friend.secret = secret
    server_keys = Keys()

    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    try:
        authenticator.configure_curve(domain="*", location=allowed)  # pyright: ignore[reportUnknownMemberType]  # half typed
        with ZmqServerTransport.create(
            context, "tcp://127.0.0.1:*", socket_options=server_keys.for_a_server()
        ) as server:
            gets_through(context, server, friend.for_a_client_of(server_keys))
            stays_outside(context, server, Keys().for_a_client_of(server_keys))
            stays_outside(context, server, {})
            gets_through(context, server, friend.for_a_client_of(server_keys))
    finally:
        authenticator.stop()


def test_key_that_libzmq_refuses_is_not_in_the_error(context: Context) -> None:
    with pytest.raises(ValueError, match="CURVE_SECRETKEY") as caught:
        ZmqServerTransport.create(
            context, "tcp://127.0.0.1:*", socket_options={zmq.CURVE_SECRETKEY: b"a secret of the wrong length"}
        )
    assert "wrong length" not in str(caught.value)


# --- TLS


@contextmanager
def https_server(authority: trustme.CA, name: str) -> Generator[tuple[str, list[str]]]:
    """Serve over TLS with a certificate for *name*; yield the URL, and what is delivered."""
    delivered: list[str] = []

    def handler(message: str) -> str:
        delivered.append(message)
        return message

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]  # half typed
    server = WsgiServerTransport()
    with werkzeug_server(server, tls) as url, tasks(server.close) as running:
        running.start(serve, server, handler)
        yield url, delivered


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return made, str(tmp_path / "authority.pem")


def test_certificate_of_the_right_authority_is_accepted(authority: tuple[trustme.CA, str]) -> None:
    with (
        https_server(authority[0], "127.0.0.1") as (url, delivered),
        HttpPostClientTransport(url, timeout=DEADLINE, verify=authority[1]) as client,
    ):
        assert client.send_message("message") == "message"
        assert client.send_message("message") == "message"
    assert delivered == ["message"] * 2


@pytest.mark.parametrize("wrong", ["unknown-authority", "other-authority", "other-name"])
def test_wrong_certificate_is_refused_and_nothing_is_delivered(
    authority: tuple[trustme.CA, str], tmp_path: Path, wrong: str
) -> None:
    name = "elsewhere.example" if wrong == "other-name" else "127.0.0.1"
    options: dict[str, Any] = {} if wrong == "unknown-authority" else {"verify": authority[1]}
    if wrong == "other-authority":
        trustme.CA().cert_pem.write_to_path(authority[1])
    with (
        https_server(authority[0], name) as (url, delivered),
        HttpPostClientTransport(url, timeout=DEADLINE, **options) as client,
    ):
        for expect_reply in (True, False):
            with pytest.raises(TransportConnectionError, match=r"(?i)certificate"):
                client.send_message("message", expect_reply=expect_reply)
    assert delivered == []


# --- origins, as a real browser has them


@pytest.fixture
def browser() -> str:
    found = chromium()
    if found is None:
        without = pytest.fail if "CI" in os.environ else pytest.skip
        without("no Chromium on this machine, and only a browser can tell: install the package 'chromium'")
    return found


def visit(program: str, opened: Site, profile: Path, *switches: str) -> dict[str, Any]:
    with visiting(program, f"{opened.origin}/", profile, *switches):
        return opened.seen.result(PATIENCE)


@pytest.mark.timeout(150)
def test_page_of_an_allowed_origin_gets_its_replies_and_one_of_a_foreign_origin_is_not_heard(
    browser: str, tmp_path: Path
) -> None:
    """In every way that a page has to send something: by scripts, blindly, as a beacon, with a form."""
    delivered: list[str] = []

    def handler(message: str) -> str:
        delivered.append(message)
        return f"reply to {message}"

    friends: set[str] = set()

    def late_bound(environ: Any, start_response: Any) -> Any:
        # The server's port must be known to the pages, and their ports to the server.
        return servers[-1](environ, start_response)

    servers: list[WsgiServerTransport] = []
    with ExitStack() as opened:
        url = opened.enter_context(waitress_server(late_bound))
        friend = opened.enter_context(site("127.0.0.1", url))
        stranger = opened.enter_context(site("127.0.0.1", url))
        namesake = opened.enter_context(site("localhost", url))
        friends.add(friend.origin)
        server = WsgiServerTransport(allow_origin=friends)
        servers.append(server)
        running = opened.enter_context(tasks(server.close))
        running.start(serve, server, handler)

        for number, foreign in enumerate([stranger, namesake]):
            seen = visit(browser, foreign, tmp_path / f"foreign-{number}")
            # It is not even told that it was refused.
            assert [seen[how] for how in ("simple", "json", "oneWay")] == [None] * 3
            assert delivered == []

        seen = visit(browser, friend, tmp_path / "friend")
        assert seen["simple"] == [200, "reply to simple"]
        assert seen["json"] == [200, "reply to json"]
        assert seen["oneWay"][0] == 202
        # A header that the server has not allowed: the browser refuses it after the preflight.
        assert seen["authorized"] is None
        assert "authorized" not in delivered
        # A page can't read these, but an allowed one may send them.
        assert {"simple", "json", "one way", "blind"} <= set(delivered)
        assert any(message.startswith("form") for message in delivered)


@pytest.mark.timeout(150)
def test_page_may_send_the_headers_that_are_allowed(browser: str, tmp_path: Path) -> None:
    """Such as Authorization, which a page may send to another origin only if a preflight allows it."""
    allowed = ["Authorization", "Content-Type", "Prefer"]
    with ExitStack() as opened:
        server = WsgiServerTransport(allow_origin="*", allow_headers=allowed)
        url = opened.enter_context(waitress_server(server))
        page = opened.enter_context(site("127.0.0.1", url))
        running = opened.enter_context(tasks(server.close))
        running.start(serve, server, str)
        seen = visit(browser, page, tmp_path)
    assert seen["authorized"] == [200, "authorized"]
    assert seen["json"] == [200, "json"]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("asks", [True, False], ids=["permission-denied", "no-permission-needed"])
def test_page_of_the_internet_reaches_this_machine_only_with_the_permission_of_the_user(
    browser: str, asks: bool, tmp_path: Path
) -> None:
    """
    Local Network Access: Chromium asks the user, whatever the server allows, and denies it without a window.

    Where it does not ask, an allowed origin is enough. Seen in Chromium 156, which no longer sends the preflight of
    Private Network Access that came before.
    """
    delivered: list[str] = []

    def handler(message: str) -> str:
        delivered.append(message)
        return message

    with ExitStack() as opened:
        server = WsgiServerTransport(allow_origin="*")
        url = opened.enter_context(waitress_server(server))
        page = opened.enter_context(site("127.0.0.1", url))
        running = opened.enter_context(tasks(server.close))
        running.start(serve, server, handler)
        # The page counts as one of the internet, with TLS.
        switches = [f"--ip-address-space-overrides={page.origin.removeprefix('http://')}=public"]
        if not asks:
            switches.append("--disable-features=LocalNetworkAccessChecks")
        seen = visit(browser, page, tmp_path, *switches)
    if asks:
        assert [seen[how] for how in ("simple", "json", "oneWay", "blind")] == [None] * 4
        assert delivered == []
    else:
        assert seen["simple"] == [200, "simple"]
        assert seen["json"] == [200, "json"]


# --- logs


@pytest.mark.parametrize("name", PAIRS)
def test_logs_and_errors_hold_no_message_text(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, with everything logged that there is."""
    caplog.set_level(logging.DEBUG)
    seen: list[BaseException | None] = []

    def handler(message: str) -> Any:
        if "raise" in message:
            raise RuntimeError
        return b"" if "no reply" in message else message

    with PAIRS[name]() as pair, tasks(pair.close) as running:
        hasty, patient = pair.client(0.3), pair.client()
        late = running.start(hasty.send_message, "classified: answered late")
        context, _ = pair.server.receive_message(DEADLINE)
        seen.append(late.exception(DEADLINE))
        pair.server.send_reply(context, "classified: late")
        with pytest.raises(TransportError) as again:
            pair.server.send_reply(context, "classified: twice")
        running.start(serve, pair.server, handler)
        assert patient.send_message("classified") == "classified"
        patient.send_message("classified: one way", expect_reply=False)
        for message in ("classified: raise", "classified: no reply"):
            with pytest.raises(TransportError) as failed:
                hasty.send_message(message)
            seen.append(failed.value)
        with pytest.raises(ValueError, match=r"."):
            patient.send_message("classified \ud800")
        pair.close()
        with pytest.raises(TransportError) as closed:
            patient.send_message("classified: too late")
        seen += [again.value, closed.value]
    ours = [record for record in caplog.records if record.name.startswith("transport_")]
    formatter = logging.Formatter()
    assert not [text for text in map(formatter.format, ours) if "classified:" in text]
    assert not [error for error in seen if "classified" in str(error)]


def test_logs_hold_no_url_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """User name and password in an endpoint stay out of errors and logs."""
    caplog.set_level(logging.DEBUG, "transport_http")
    with (
        HttpPostClientTransport("http://user:hunter2@127.0.0.1:1/", timeout=1) as client,
        pytest.raises(TransportConnectionError) as caught,
    ):
        client.send_message("message")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert not [record for record in caplog.records if "hunter2" in record.getMessage()]
