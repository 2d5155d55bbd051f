"""
The two ways by which a message reaches the server: through the session, or straight into its pool.

A session of requests prepares each request anew, and looks at much that stays the same between messages
to one endpoint. Where nothing can tell the difference, the prepared head is kept, and only the body is new.
"""

from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.cookies
import urllib3

from ._adapter import BoundedAdapter
from ._answer import Answer, pieces, timed_pieces
from ._call import current_call

# Typed in some versions of requests and its stubs, and not in others.
_cookies: Any = requests.cookies

_NO_RETRIES = urllib3.Retry(total=False, redirect=False)

_ONE_WAY = "respond-async"  # RFC 7240, section 4.1


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
        return Answer(response.status_code, response.reason or "", response.headers, timed_pieces(response), response)

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
        return Answer(response.status, response.reason or "", response.headers, pieces(response), response)

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
