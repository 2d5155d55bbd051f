"""Through proxies: tunnels, TLS to the proxy, TLS within TLS, SOCKS, and what keeps a proxy out."""

import base64
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from transport_base import TransportConnectionError, TransportTimeoutError
from transport_http import HttpPostClientTransport

from .conftest import Peer, Serve, Server


def leave_alone(_answer: requests.Response, **_: Any) -> None:
    """A hook that changes nothing but how the message goes."""


def echo(peer: Peer) -> None:
    while (request := peer.read_request()) is not None:
        if request.body == b"silence":
            peer.stopped.wait(20)
        peer.reply(request.body)


def copy_bytes(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Tunnel:
    """The script of a proxy that knows CONNECT alone, with the heads that it was sent."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = peer.sock.recv(1)
            if not data:
                return
            head += data
        self.heads.append(head)
        port = int(head.split()[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as far:
            peer.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=copy_bytes, args=(far, peer.sock), daemon=True)
            back.start()
            copy_bytes(peer.sock, far)
            back.join(10)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    authority: Any = trustme.CA()  # it lacks some annotations
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    return context, str(bundle)


@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
def test_a_tunnel_carries_tls_with_the_proxys_password_and_no_other(
    serve: Serve, tls: tuple[ssl.SSLContext, str], hooked: bool
) -> None:
    tunnel = Tunnel()
    proxy, server = serve(tunnel), serve(echo, tls=tls[0])
    session = requests.Session()
    if hooked:
        session.hooks["response"].append(leave_alone)
    with HttpPostClientTransport(
        server.url.replace("//", "//user:own@"),
        session=session,
        timeout=10,
        verify=tls[1],
        proxies={"https": f"http://me:s%40cret@127.0.0.1:{proxy.port}"},
    ) as client:
        for text in ["a", "", "é" * 200_000]:
            assert client.send_message(text) == text
        with pytest.raises(TransportTimeoutError, match="may have handled"):
            client.send_message("silence", timeout=0.3)
        assert client.send_message("on") == "on"
    assert len(tunnel.heads) == 2
    first = tunnel.heads[0].split(b"\r\n")
    assert first[0] == b"CONNECT 127.0.0.1:%d HTTP/1.1" % server.port
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:s@cret") in first
    assert not any(line.lower().startswith(b"authorization") for line in first)


def test_a_tunnel_through_a_proxy_that_speaks_tls_itself(serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    """TLS within TLS: also for messages larger than all buffers, for time-outs and for close()."""
    tunnel = Tunnel()
    proxy, server = serve(tunnel, tls=tls[0]), serve(echo, tls=tls[0])
    client = HttpPostClientTransport(
        server.url, timeout=20, verify=tls[1], proxies={"https": f"https://127.0.0.1:{proxy.port}"}
    )
    with client:
        for text in ["a", "", "é" * 1_000_000]:
            assert client.send_message(text) == text
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("silence", timeout=0.5)
        assert time.monotonic() - start < 10
        assert client.send_message("on") == "on"
    assert len(tunnel.heads) == 2


def test_a_proxy_whose_certificate_is_not_trusted_gets_nothing(serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    tunnel = Tunnel()
    proxy, server = serve(tunnel, tls=tls[0]), serve(echo)
    proxies = {"http": f"https://127.0.0.1:{proxy.port}", "https": f"https://127.0.0.1:{proxy.port}"}
    for url in (server.url, "https://host.invalid/"):
        with (
            HttpPostClientTransport(url, timeout=10, proxies=proxies) as client,
            pytest.raises(TransportConnectionError, match=r"through its proxy.*the message was not sent"),
        ):
            client.send_message("?")
    assert tunnel.heads == []


def test_a_plain_message_through_a_proxy_that_speaks_tls(serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            proxy.requests.append(request)
            peer.reply(request.body)

    proxy: Server = serve(script, tls=tls[0])
    with HttpPostClientTransport(
        "http://host.invalid/x?y", timeout=10, verify=tls[1], proxies={"http": f"https://127.0.0.1:{proxy.port}"}
    ) as client:
        assert client.send_message("a") == "a"
    assert proxy.requests[0].target == "http://host.invalid/x?y"
    assert proxy.requests[0].headers["host"] == "host.invalid"


def test_no_proxy_keeps_a_proxy_out(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HttpPostClientTransport(serve(echo).url, timeout=10) as client:
        assert client.send_message("a") == "a"


def test_client_certificates_and_names_reach_the_server(tmp_path: Path, serve: Serve) -> None:
    authority: Any = trustme.CA()  # it lacks some annotations
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("localhost").configure_cert(context)
    folder = tmp_path
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert("me@example.org")
    own.private_key_pem.write_to_path(folder / "key.pem")
    own.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    names: list[Any] = []

    def see(_sock: Any, name: Any, _context: Any) -> None:
        names.append(name)

    context.sni_callback = see
    server = serve(echo, tls=context)
    url = server.url.replace("127.0.0.1", "localhost")
    cert = (str(folder / "cert.pem"), str(folder / "key.pem"))
    with HttpPostClientTransport(url, timeout=10, verify=str(folder / "ca.pem"), cert=cert) as client:
        assert client.send_message("a") == "a"
    assert names == ["localhost"]
    with HttpPostClientTransport(server.url, timeout=10, verify=False, cert=cert) as client:
        assert client.send_message("b") == "b"
    with (
        HttpPostClientTransport(url, timeout=10, verify=str(folder / "ca.pem")) as client,
        pytest.raises(TransportConnectionError),
    ):
        client.send_message("c")


def test_an_ipv6_address_is_in_brackets_on_the_wire() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    heads: list[bytes] = []

    def answer() -> None:
        sock, _ = listener.accept()
        with sock:
            heads.append(sock.recv(65536))
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with listener:
        port = listener.getsockname()[1]
        with HttpPostClientTransport(f"http://[::1]:{port}/", timeout=10) as client:
            assert client.send_message("a") == "ok"
        thread.join(10)
    assert b"\r\nHost: [::1]:%d\r\n" % port in heads[0]
