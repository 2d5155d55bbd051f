"""
The two ways by which a message reaches the server: through the session, or straight into its pool.

A session of requests prepares each request anew, and looks at much that stays the same between messages
to one endpoint. Where nothing can tell the difference, the prepared head is kept, and only the body is new.
"""

from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import requests.cookies
import urllib3
from urllib3.response import BaseHTTPResponse

from ._adapter import BoundedAdapter
from ._call import current_call
from ._coding import find_coding, unpack

# Large enough that a piece costs little, small enough that a bomb is seen early.
_PIECE = 65_536

# Unpacked it may be a thousand times as large, and the time is not looked at meanwhile.
_PACKED_PIECE = 8_192

# Memory for it is taken before a byte of it is there.
_AT_ONCE = 16 * 1024 * 1024

# Typed in some versions of requests and its stubs, and not in others.
_cookies: Any = requests.cookies

_NO_RETRIES = urllib3.Retry(total=False, redirect=False)

_ONE_WAY = "respond-async"  # RFC 7240, section 4.1


class Answer(NamedTuple):
    """A response whose head was read, and whose body was not."""

    status: int
    reason: str
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    response: requests.Response | BaseHTTPResponse

    def discard(self) -> None:
        """Give up the body, and the connection with it."""
        self.response.close()
        if isinstance(self.response, BaseHTTPResponse):
            self.response.release_conn()


class SessionRoute:
    """
    The public way: the session prepares and sends each message.

    Everything that a session can be told takes part: callable auth, hooks, subclasses, foreign adapters.
    """

    def __init__(
        self, session: requests.Session, headers: Mapping[str, str], options: Mapping[str, Any], endpoint: str
    ) -> None:
        self._session = session
        self._headers = dict(headers)
        self._options = {name: options[name] for name in ("auth", "cookies", "params") if name in options}
        # Without authentication, which may add to the URL, and is to be asked once for each message.
        plain = requests.Request("POST", endpoint, params=self._options.pop("params", None), auth=_unchanged)
        self.url = session.prepare_request(plain).url or ""
        # Raises UnicodeError for what no resolver takes, such as an empty label.
        (urlsplit(self.url).hostname or "").encode("idna")
        # They are in the URL now, and would be added once more.
        session.params = {}
        proxies = options.get("proxies")
        self._settings: dict[str, Any] = dict(
            session.merge_environment_settings(
                self.url, dict(proxies) if proxies else {}, True, options.get("verify"), options.get("cert")
            )
        )

    def prepare(self, url: str, body: bytes, *, one_way: bool) -> requests.PreparedRequest:
        """Prepare the request as requests does."""
        request = requests.Request("POST", url, headers=dict(self._headers), data=body, **self._options)
        prepared = self._session.prepare_request(request)
        if one_way:
            told: Any = prepared.headers.get("Prefer")
            prepared.headers["Prefer"] = f"{_as_text(told)}, {_ONE_WAY}" if told else _ONE_WAY
        return prepared

    def post(self, url: str, body: bytes, *, one_way: bool) -> Answer:
        """Post *body* to *url*, once; return when the head of the response is there."""
        prepared = self.prepare(url, body, one_way=one_way)
        left = current_call().remaining()
        response = self._session.send(prepared, allow_redirects=False, timeout=left, **self._settings)
        return Answer(response.status_code, response.reason or "", response.headers, _timed_pieces(response), response)

    def renew(self) -> None:
        """Start again without a connection; those that there were are left alone."""
        for adapter in self._own_adapters():
            adapter.renew()

    def close(self) -> None:
        """Close the connections that are not in use; those which are close when they come back."""
        for adapter in self._own_adapters():
            adapter.close()

    def _own_adapters(self) -> list[BoundedAdapter]:
        return [adapter for adapter in self._session.adapters.values() if isinstance(adapter, BoundedAdapter)]


class PoolRoute(SessionRoute):
    """
    The short way, for a plain session: the head that it prepared once, and the pool that its adapter gives.

    Cookies are the session's as always: while it holds any, each request is prepared anew.
    """

    def __init__(
        self, session: requests.Session, headers: Mapping[str, str], options: Mapping[str, Any], endpoint: str
    ) -> None:
        super().__init__(session, headers, options, endpoint)
        self._request = self.prepare(self.url, b"", one_way=False)
        self._proxies = self._settings["proxies"]
        # Not all versions of the stubs know the methods that an adapter has for its subclasses.
        adapter: Any = session.get_adapter(self.url)
        self._adapter = adapter
        self._target: str = self._adapter.request_url(self._request, self._proxies)
        self._pool = self._find_pool()
        self._heads = [_plain(self.prepare(self.url, b"", one_way=one_way).headers) for one_way in (False, True)]

    @staticmethod
    def suits(session: requests.Session, options: Mapping[str, Any], endpoint: str) -> bool:
        """Tell whether nothing but this route's own code would see the difference."""
        return (
            type(session) is requests.Session
            and type(session.get_adapter(endpoint)) is BoundedAdapter
            and not any(session.hooks.values())
            and all(auth is None or isinstance(auth, tuple) for auth in (session.auth, options.get("auth")))
            and not isinstance(options.get("cookies"), CookieJar)
        )

    def post(self, url: str, body: bytes, *, one_way: bool) -> Answer:
        request, target, headers = self._request, self._target, self._heads[one_way]
        jar = self._session.cookies
        if url != self.url or len(jar):
            request = self.prepare(url, body, one_way=one_way)
            target = self._adapter.request_url(request, self._proxies)
            headers = _plain(request.headers)
        response = self._pool.urlopen(
            "POST",
            target,
            body=body,
            headers={**headers, "Content-Length": str(len(body))},
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(current_call().remaining()),
        )
        if "Set-Cookie" in response.headers:
            _cookies.extract_cookies_to_jar(jar, request, response)
        return Answer(response.status, response.reason or "", response.headers, _pieces(response), response)

    def renew(self) -> None:
        super().renew()
        self._pool = self._find_pool()

    def close(self) -> None:
        self._pool.close()
        super().close()

    def _find_pool(self) -> urllib3.HTTPConnectionPool:
        adapter, verify, cert = self._adapter, self._settings["verify"], self._settings["cert"]
        pool: urllib3.HTTPConnectionPool = adapter.get_connection_with_tls_context(
            self._request, verify, proxies=self._proxies, cert=cert
        )
        adapter.cert_verify(pool, self.url, verify, cert)
        return pool


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _as_text(value: Any) -> str:
    # requests takes bytes as well.
    return value if isinstance(value, str) else str(value, "latin-1")


def _plain(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name: _as_text(value) for name, value in headers.items()}


def _unpacked(status: int, headers: Mapping[str, str], pieces: Iterator[bytes]) -> Iterator[bytes]:
    # 204 has no body, whatever its head says.
    coding = find_coding(headers.get("Content-Encoding", "")) if status != 204 else None
    yield from pieces if coding is None else unpack(pieces, coding)


def _timed_pieces(response: requests.Response) -> Iterator[bytes]:
    """Read the body in pieces; between them the time is checked, for connections which are not ours."""
    if getattr(response, "_content_consumed", False):
        # A hook has read it, and requests has unpacked it.
        yield response.content
    else:
        yield from _unpacked(response.status_code, response.headers, _raw_pieces(response))


def _raw_pieces(response: requests.Response) -> Iterator[bytes]:
    call = current_call()
    # As requests itself does, but packed as it comes: a packed body that breaks off looks whole once it is unpacked.
    if hasattr(response.raw, "stream"):
        pieces: Iterator[bytes] = response.raw.stream(_piece_size(response.headers), decode_content=False)
    else:
        pieces = response.iter_content(_piece_size(response.headers))
    for piece in pieces:
        call.remaining()
        yield piece


def _pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    """Read the body: at once where its size is known to be small, in pieces otherwise."""
    length = response.length_remaining
    if length is None or length > _AT_ONCE or "Content-Encoding" in response.headers:
        pieces = response.stream(_piece_size(response.headers), decode_content=False)
        yield from _unpacked(response.status, response.headers, pieces)
    else:
        yield response.read(decode_content=False)


def _piece_size(headers: Mapping[str, str]) -> int:
    return _PACKED_PIECE if "Content-Encoding" in headers else _PIECE
