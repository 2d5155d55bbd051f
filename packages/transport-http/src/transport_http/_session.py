"""What requests prepares: a copy of the session, the head of the requests, and the settings of the connections."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import requests.cookies
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from ._connection import Call
from ._engine import Engine, TimeLeft, write_head
from ._options import without_any_secrets
from ._reply import collect
from ._response import Response

# Typed in some versions of requests and its stubs, and not in others.
_cookies: Any = requests.cookies

_ONE_WAY = "respond-async"  # RFC 7240, section 4.1
_NO_URL = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)

# RFC 6265, section 6.1: what every client should be able to hold.
_MAX_COOKIES = 50
_MAX_COOKIE = 4096


class Endpoint:
    """
    Where a client posts to, by one of two doors.

    For a plain session the head of the request is prepared once, and the engine sends it with each body. Where callable
    auth, hooks, an adapter or a session of the caller's own class take part, the session prepares and sends each.
    """

    def __init__(
        self, endpoint: str, session: requests.Session | None, options: Mapping[str, Any], engine: Engine
    ) -> None:
        self._engine = engine
        self._session = own = _copy(session, engine)
        self._headers = _headers(own, options.get("headers") or {})
        self._options = {name: options[name] for name in ("auth", "cookies", "params") if name in options}
        # Without authentication, which may add to the URL, and is to be asked once for each message.
        plain = requests.Request("POST", endpoint, params=self._options.pop("params", None), auth=_unchanged)
        self.url = own.prepare_request(plain).url or ""
        # Raises UnicodeError for what no resolver takes, such as an empty label.
        (urlsplit(self.url).hostname or "").encode("idna")
        # They are in the URL now, and would be added once more.
        own.params = {}
        proxies, verify, cert = options.get("proxies"), options.get("verify"), options.get("cert")
        self._settings: dict[str, Any] = dict(
            own.merge_environment_settings(self.url, dict(proxies) if proxies else {}, True, verify, cert)
        )
        self._ours = own.get_adapter(self.url) is engine
        self._plain = self._ours and _is_plain(own, options)
        if self._ours:
            verify, cert = self._settings["verify"], self._settings["cert"]
            self._route = engine.route(self.url, self._settings["proxies"], verify, cert)
        if self._plain:
            self._request = self._prepare(self.url, b"", one_way=False)
            self._heads = [self._head(self._prepare(self.url, b"", one_way=one_way)) for one_way in (False, True)]

    def post(self, call: Call, url: str, *, one_way: bool) -> "Response | SessionResponse":
        """Post the body of *call* to *url*, once; return when the head of the response is there."""
        if not self._plain:
            return self._post_by_session(call, url, one_way=one_way)
        request, head, jar = self._request, self._heads[one_way], self._session.cookies
        if url != self.url or jar:
            request = self._prepare(url, b"", one_way=one_way)
            head = self._head(request)
        response = self._engine.exchange(call, self._route, "POST", b"%b%d\r\n\r\n" % (head, len(call.body)))
        if "set-cookie" in response.named:
            _cookies.extract_cookies_to_jar(jar, request, response)
        return response

    def _post_by_session(self, call: Call, url: str, *, one_way: bool) -> "SessionResponse":
        prepared = self._prepare(url, call.body, one_way=one_way)
        left: float | None = TimeLeft.of(call)
        if not self._ours:
            # Nobody knows what an adapter of the caller's own has sent.
            call.sent, left = True, call.remaining()
        response = self._session.send(prepared, allow_redirects=False, timeout=left, **self._settings)
        return SessionResponse(response, call)

    def _prepare(self, url: str, body: bytes, *, one_way: bool) -> requests.PreparedRequest:
        request = requests.Request("POST", url, headers=dict(self._headers), data=body, **self._options)
        session = self._session
        if type(session) is requests.Session:  # one of the caller's own class may keep things of its own in itself
            session = _shared(session)
            session.cookies = _cookies_of_now(self._session.cookies)
        # Callable authentication runs in here, and may take its time: no lock is held meanwhile.
        prepared = session.prepare_request(request)
        if one_way:
            wishes: Any = prepared.headers.get("Prefer")
            wishes = str(wishes, "latin-1") if isinstance(wishes, bytes) else wishes
            prepared.headers["Prefer"] = f"{wishes}, {_ONE_WAY}" if wishes else _ONE_WAY
        return prepared

    def _head(self, request: requests.PreparedRequest) -> bytes:
        return write_head(request, self._route) + b"Content-Length: "


class SessionResponse:
    """A response that came through a session, with hooks and all."""

    def __init__(self, response: requests.Response, call: Call) -> None:
        self.status = response.status_code
        self.reason = response.reason or ""
        self.headers = response.headers
        self.named = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._call = call

    def read(self, limit: int) -> bytearray:
        """Return the body, unpacked, of *limit* bytes at most."""
        return collect(self.unpacked(), limit, self.named.get("content-length"))

    def unpacked(self) -> Iterator[bytes]:
        """Read the body in pieces; between them the time is checked, for connections which are not ours."""
        raw = self._response.raw
        if isinstance(raw, Response) and not raw.touched:
            yield from raw.unpacked()
            return
        # Small, as what is unpacked may be a thousand times as large.
        for piece in self._response.iter_content(8192):
            self._call.remaining()
            yield piece

    def close(self) -> None:
        """Give up what was not read, and the connection with it."""
        self._response.close()


class _Bounded(DefaultCookiePolicy):
    """Bounds the cookies that a server can set, since each of them is sent back with every message."""

    def __init__(self) -> None:
        super().__init__()
        self.jar = RequestsCookieJar(policy=self)

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        if len(cookie.name) + len(cookie.value or "") + len(cookie.path) > _MAX_COOKIE:
            return False
        key = (cookie.domain, cookie.path, cookie.name)
        known = {(held.domain, held.path, held.name) for held in self.jar}
        return (key in known or len(known) < _MAX_COOKIES) and super().set_ok(cookie, request)


def _is_plain(session: requests.Session, options: Mapping[str, Any]) -> bool:
    """Tell whether the session has nothing of the caller's that is to see each message."""
    return (
        type(session) is requests.Session
        and not any(session.hooks.values())
        and all(auth is None or isinstance(auth, tuple) for auth in (session.auth, options.get("auth")))
        and not isinstance(options.get("cookies"), CookieJar)
    )


def _copy(session: requests.Session | None, engine: Engine) -> requests.Session:
    """Return a session that shares all with *session* but its connections; or a new one, with a jar that is bounded."""
    if session is None:
        session = requests.Session()
        session.cookies = _Bounded().jar
    own = _shared(session)
    own.adapters = OrderedDict()
    for prefix, adapter in session.adapters.items():
        own.adapters[prefix] = engine if type(adapter) is HTTPAdapter else adapter
    return own


def _shared(session: requests.Session) -> requests.Session:
    """Return a session of the same class, with the same attributes."""
    # Not copy.copy(): a session copied by it lacks what a subclass has added.
    own = object.__new__(type(session))
    vars(own).update(vars(session))
    return own


def _cookies_of_now(jar: CookieJar) -> RequestsCookieJar:
    """Return a copy of *jar*, which another thread's response may change at any time."""
    while True:
        try:
            return cast("RequestsCookieJar", _cookies.merge_cookies(RequestsCookieJar(), jar))
        except RuntimeError:  # it changed size during the iteration
            continue


def _headers(session: requests.Session, given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of each request: ours, unless the caller or the session says otherwise."""
    headers = CaseInsensitiveDict[str]()
    if "Content-Type" not in session.headers:
        headers["Content-Type"] = "text/plain; charset=utf-8"
    # What requests puts into every new session is nobody's wish.
    if session.headers.get("Accept-Encoding") in (None, default_headers()["Accept-Encoding"]):
        headers["Accept-Encoding"] = "identity"
    headers.update(given)
    return headers


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def find_endpoint(
    endpoint: str, session: requests.Session | None, options: Mapping[str, Any], engine: Engine
) -> Endpoint:
    """
    Return the way to *endpoint*; nothing is sent yet.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: *endpoint* or an option is malformed.
    """
    if not isinstance(endpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise TypeError(f"endpoint is of type {type(endpoint).__name__}, expected str")
    if session is not None and not isinstance(session, requests.Session):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"session is of type {type(session).__name__}, expected requests.Session")
    shown = repr(without_any_secrets(endpoint))
    try:
        no_port = urlsplit(endpoint).port == 0
    except ValueError:
        no_port = False  # refused below
    if no_port:
        raise ValueError(f"endpoint is {shown}, expected a port from 1 to 65535")
    try:
        return Endpoint(endpoint, session, options, engine)
    except (OSError, TypeError, ValueError) as exc:
        error = _explain(exc, shown)
    # Not from the failure, whose text may have a secret in it.
    raise error


def _explain(failure: Exception, shown: str) -> TypeError | ValueError:
    """Return what to raise for *failure*; most of their own texts may have a value in them, and so a secret."""
    if isinstance(failure, requests.exceptions.InvalidHeader) or "header is malformed" in str(failure):
        return ValueError("a header is malformed, expected strings on one line")
    if "expected http, https or socks" in str(failure):
        return ValueError(str(failure))
    if "SOCKS" in str(failure):
        return ValueError("proxies has a SOCKS proxy, expected PySocks to be installed for that")
    if isinstance(failure, (*_NO_URL, UnicodeError)):
        return ValueError(f"endpoint is {shown}, expected a URL such as http://host:port/path")
    if isinstance(failure, OSError):
        return ValueError(f"options for {shown} can't be used: {failure}")
    kind = TypeError if isinstance(failure, TypeError) else ValueError
    return kind("params or proxies have a value that can't be used")


def on_same_origin(url: str, location: str) -> str | None:
    """Return where the redirect to *location* leads to from *url*; ``None`` if that is another origin, or nowhere."""
    try:
        target = urlsplit(urljoin(url, location))
        if _origin(target) != _origin(urlsplit(url)):
            return None
    except ValueError:
        return None
    # The user name and password of the endpoint stay.
    return target._replace(netloc=urlsplit(url).netloc, fragment="").geturl()


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Return what RFC 6454 compares, with the port spelt out."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
