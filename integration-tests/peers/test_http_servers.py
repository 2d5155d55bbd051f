"""HTTP servers that are not ours: nginx, FastAPI on uvicorn, Apache; redirects, TLS, authentication."""

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from requests.auth import HTTPDigestAuth

from peers.balancers import nginx
from peers.programs import free_port, running
from peers.service_servers import as_somebody, command_serving, gunicorn, module
from peers.versions import program
from transport_base import TransportConnectionError
from transport_http import HttpPostClientTransport, HttpStatusError


@pytest.fixture
def service(tmp_path: Path) -> Generator[str]:
    """The address of the service of the examples, without the slash at its end."""
    port = free_port()
    with command_serving(gunicorn("gthread", "--threads", "16")(port, tmp_path), port, tmp_path) as served:
        yield served.url.rstrip("/")


@contextmanager
def site(locations: str, folder: Path, *, listen: str = "", scheme: str = "http") -> Generator[str]:
    """Run nginx with these locations and settings; yield its URL."""
    port = free_port()
    configuration = f"events {{}}\nhttp {{ server {{ listen 127.0.0.1:{port} {listen}; {locations} }} }}\n"
    with nginx(configuration, port, folder):
        yield f"{scheme}://127.0.0.1:{port}/"


@pytest.mark.peer("nginx", "gunicorn")
def test_redirects_of_nginx(service: str, tmp_path: Path) -> None:
    """307 and 308 repeat the POST; the others would lose the message, so they are errors."""
    redirects = "".join(f"location /{code} {{ return {code} /there; }} " for code in (301, 302, 303, 307, 308))
    with site(f"{redirects} location /there {{ proxy_pass {service}/; }}", tmp_path) as url:
        for code in (307, 308):
            with HttpPostClientTransport(f"{url}{code}", timeout=30) as client:
                assert client.send_message("hello") == "HELLO"
        for code in (301, 302, 303):
            with (
                HttpPostClientTransport(f"{url}{code}", timeout=30) as client,
                pytest.raises(HttpStatusError) as caught,
            ):
                client.send_message("hello")
            assert caught.value.status_code == code


@pytest.mark.peer("nginx", "gunicorn")
def test_gzip_of_nginx(service: str, tmp_path: Path) -> None:
    compressed = "gzip on; gzip_min_length 1; gzip_types text/plain; gzip_proxied any;"
    with site(f"{compressed} location / {{ proxy_pass {service}/; }}", tmp_path) as url:
        headers = {"Accept-Encoding": "gzip"}
        with HttpPostClientTransport(url, timeout=30, headers=headers) as asking, HttpPostClientTransport(url) as plain:
            for message in ("hello", "\u00e9" * 100_000):
                assert asking.send_message(message) == plain.send_message(message) == message.upper()


@pytest.mark.peer("nginx", "gunicorn")
def test_idle_connections_that_nginx_closes(service: str, tmp_path: Path) -> None:
    """After three requests, and after a second without one: the next call opens a new connection."""
    limits = "keepalive_requests 3; keepalive_timeout 1s;"
    with (
        site(f"{limits} location / {{ proxy_pass {service}/; }}", tmp_path) as url,
        HttpPostClientTransport(url, timeout=30) as client,
    ):
        for number in range(20):
            assert client.send_message(f"message {number}") == f"MESSAGE {number}"
        for _ in range(2):
            threading.Event().wait(1.5)  # longer than the connection stays open
            assert client.send_message("hello") == "HELLO"


@dataclass
class Certificates:
    authority: str
    client: tuple[str, str]
    configuration: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority, a certificate of the server and one of a client, and nginx's settings for them."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    for name, made in (("server", authority.issue_cert("127.0.0.1")), ("client", authority.issue_cert("client"))):
        made.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        for blob in made.cert_chain_pems:
            blob.write_to_path(str(folder / f"{name}.pem"), append=True)
    settings = f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;"
    return Certificates(
        str(folder / "authority.pem"), (str(folder / "client.pem"), str(folder / "client.key")), settings
    )


@pytest.mark.peer("nginx", "gunicorn")
def test_tls_with_a_private_authority(service: str, certificates: Certificates, tmp_path: Path) -> None:
    locations = f"{certificates.configuration} location / {{ proxy_pass {service}/; }}"
    with site(locations, tmp_path, listen="ssl", scheme="https") as url:
        with HttpPostClientTransport(url, timeout=30, verify=certificates.authority) as client:
            for message in ("", "hello", "x" * 500_000):
                assert client.send_message(message) == message.upper()
        with (
            HttpPostClientTransport(url, timeout=30) as client,
            pytest.raises(TransportConnectionError, match="certificate"),
        ):
            client.send_message("hello")


@pytest.mark.peer("nginx", "gunicorn")
def test_tls_with_a_certificate_of_the_client(service: str, certificates: Certificates, tmp_path: Path) -> None:
    demanding = f"{certificates.configuration} ssl_client_certificate {certificates.authority}; ssl_verify_client on;"
    with site(f"{demanding} location / {{ proxy_pass {service}/; }}", tmp_path, listen="ssl", scheme="https") as url:
        verify = certificates.authority
        with HttpPostClientTransport(url, timeout=30, verify=verify, cert=certificates.client) as client:
            assert client.send_message("hello") == "HELLO"
        with (
            HttpPostClientTransport(url, timeout=30, verify=verify) as client,
            pytest.raises(HttpStatusError) as caught,
        ):
            client.send_message("hello")
        assert caught.value.status_code == 400


FASTAPI_SERVER = """
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse

app = FastAPI()

@app.post("/upper", response_class=PlainTextResponse)
async def upper(request: Request) -> str:
    return (await request.body()).decode().upper()

@app.post("/json")
async def json(item: dict[str, int]) -> dict[str, int]:
    return item

@app.post("/fails")
async def fails() -> None:
    raise HTTPException(418, "out of luck")
"""


@pytest.mark.peer("fastapi", "uvicorn")
def test_fastapi_on_uvicorn(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(FASTAPI_SERVER)
    port = free_port()
    command = module("uvicorn", "--port", "PORT", "--log-level", "warning", "page:app")
    with command_serving(command(port, tmp_path), port, tmp_path) as served:
        with HttpPostClientTransport(f"{served.url}upper", timeout=30) as client:
            for message in ("", "hello", "\0\r\n\ufeff\U0001f600", "x" * 1_048_576):
                assert client.send_message(message) == message.upper()
        json_headers = {"Content-Type": "application/json"}
        with HttpPostClientTransport(f"{served.url}json", timeout=30, headers=json_headers) as client:
            assert client.send_message('{"a":1}') == '{"a":1}'
            with pytest.raises(HttpStatusError) as caught:
                client.send_message('{"a":"one"}')
            assert caught.value.status_code == 422
            assert "int_parsing" in caught.value.body
        with (
            HttpPostClientTransport(f"{served.url}fails", timeout=30) as client,
            pytest.raises(HttpStatusError) as caught,
        ):
            client.send_message("hello")
        assert (caught.value.status_code, caught.value.body) == (418, '{"detail":"out of luck"}')


@pytest.mark.peer("apache", "gunicorn")
def test_digest_authentication_of_apache(service: str, tmp_path: Path) -> None:
    port = free_port()
    # The hash of user, realm and password, as htdigest writes it (RFC 7616, 3.4.2).
    digest = hashlib.md5(b"user:service:secret", usedforsecurity=False).hexdigest()
    (tmp_path / "users").write_text(f"user:service:{digest}\n")
    names = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest", "proxy", "proxy_http")
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names)
    (tmp_path / "apache.conf").write_text(f"""
{modules}
ServerRoot {tmp_path}
ServerName localhost
DefaultRuntimeDir {tmp_path}
PidFile {tmp_path}/pid
Listen 127.0.0.1:{port}
ErrorLog /dev/stderr
ProxyPass / {service}/
<Location />
    AuthType Digest
    AuthName service
    AuthDigestProvider file
    AuthUserFile {tmp_path}/users
    Require valid-user
</Location>
""")
    apache = program("apache2")
    assert apache is not None
    with running(*as_somebody(), apache, "-f", f"{tmp_path}/apache.conf", "-DFOREGROUND") as server:
        server.until_listening(port)
        url = f"http://127.0.0.1:{port}/"
        with HttpPostClientTransport(url, timeout=30, auth=HTTPDigestAuth("user", "secret")) as client:
            for number in range(5):
                assert client.send_message(f"message {number}") == f"MESSAGE {number}"
        strangers = [
            HttpPostClientTransport(url, timeout=30),
            HttpPostClientTransport(url, timeout=30, auth=HTTPDigestAuth("user", "wrong")),
        ]
        for stranger in strangers:
            with stranger, pytest.raises(HttpStatusError) as caught:
                stranger.send_message("hello")
            assert caught.value.status_code == 401
