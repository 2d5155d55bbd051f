"""squid and tinyproxy between client and server: plain requests, CONNECT for TLS, and who may use them."""

import signal
import ssl
import subprocess
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import trustme
from tasks import DEADLINE, tasks
from web_servers import waitress_server, werkzeug_server

from peers.programs import free_port, running
from peers.service_servers import as_somebody
from peers.versions import program
from transport_base import TransportConnectionError, serve
from transport_http import HttpPostClientTransport, HttpStatusError
from transport_wsgi import WsgiServerTransport

USER, PASSWORD = "user", "secret"


@contextmanager
def squid(folder: Path) -> Generator[int]:
    port = free_port()
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True)
    (folder / "users").write_text(f"{USER}:{hashed.stdout}")
    (folder / "squid.conf").write_text(f"""
http_port 127.0.0.1:{port}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
cache_log stdio:/dev/stderr
access_log none
pid_filename none
coredump_dir {folder}
shutdown_lifetime 0 seconds
max_filedescriptors 1024
netdb_filename none
pinger_enable off
""")
    path = program("squid")
    assert path is not None
    # A name of its own for what it keeps in shared memory, which it removes as it ends by itself.
    command = [*as_somebody(), path, "-N", "-n", f"peers{port}", "-f", str(folder / "squid.conf")]
    with running(*command) as process:
        process.until_listening(port)
        yield port
        process.signal(signal.SIGTERM)
        process.wait()


@contextmanager
def tinyproxy(folder: Path) -> Generator[int]:
    port = free_port()
    (folder / "tinyproxy.conf").write_text(f"""
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 50
BasicAuth {USER} {PASSWORD}
LogLevel Warning
""")
    path = program("tinyproxy")
    assert path is not None
    with running(path, "-d", "-c", str(folder / "tinyproxy.conf")) as process:
        process.until_listening(port)
        yield port


Proxy = Callable[[Path], AbstractContextManager[int]]

each_proxy = pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(squid, id="squid", marks=pytest.mark.peer("squid")),
        pytest.param(tinyproxy, id="tinyproxy", marks=pytest.mark.peer("tinyproxy")),
    ],
)


@pytest.fixture(autouse=True)
def environment_without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def proxies(port: int, password: str = PASSWORD) -> dict[str, str]:
    address = f"http://{USER}:{password}@127.0.0.1:{port}"
    return {"http": address, "https": address}


@contextmanager
def answered(server: WsgiServerTransport) -> Generator[None]:
    with tasks(server.close) as running_tasks:
        running_tasks.start(serve, server, str.upper, threads=2)
        yield


@each_proxy
def test_plain_requests(proxy: Proxy, tmp_path: Path) -> None:
    server = WsgiServerTransport()
    with proxy(tmp_path) as port, waitress_server(server) as url, answered(server):
        # A client for each message: tinyproxy closes every connection after its response without announcing it, so a
        # message sent on it in that moment fails.
        for message in ("", "hello", "\0\r\n\ufeff\U0001f600", "x" * 1_048_576):
            with HttpPostClientTransport(url, timeout=DEADLINE, proxies=proxies(port)) as client:
                assert client.send_message(message) == message.upper()
        with HttpPostClientTransport(url, timeout=DEADLINE, proxies=proxies(port)) as client:
            client.send_message("one way", expect_reply=False)
        with HttpPostClientTransport(url, timeout=DEADLINE, proxies=proxies(port, "wrong")) as client:
            with pytest.raises(HttpStatusError) as caught:
                client.send_message("hello")
            # squid says 407, tinyproxy 401 or 407, by its version
            assert caught.value.status_code in {401, 407}


@each_proxy
def test_tls_through_connect(proxy: Proxy, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    verify = str(tmp_path / "authority.pem")
    server = WsgiServerTransport()
    with proxy(tmp_path) as port, werkzeug_server(server, tls) as url, answered(server):
        with HttpPostClientTransport(url, timeout=DEADLINE, verify=verify, proxies=proxies(port)) as client:
            for message in ("", "hello", "x" * 500_000):
                assert client.send_message(message) == message.upper()
        wrong = proxies(port, "wrong")
        with HttpPostClientTransport(url, timeout=DEADLINE, verify=verify, proxies=wrong) as client:
            with pytest.raises(TransportConnectionError, match=r"401|407") as caught:
                client.send_message("hello")
            assert "wrong@" not in str(caught.value)


@each_proxy
def test_a_server_that_is_not_there(proxy: Proxy, tmp_path: Path) -> None:
    with proxy(tmp_path) as port:
        url = f"http://127.0.0.1:{free_port()}/"
        with (
            HttpPostClientTransport(url, timeout=DEADLINE, proxies=proxies(port)) as client,
            pytest.raises(HttpStatusError) as caught,
        ):
            client.send_message("hello")
        assert caught.value.status_code in {500, 502, 503}
