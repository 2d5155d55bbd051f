"""The client: one HTTP POST a message."""

from types import TracebackType
from typing import Literal, NoReturn, Self, Unpack, overload

import requests

from transport_base import TransportClosedError, TransportError, TransportProtocolError

from . import _call
from ._answer import Answer
from ._errors import HttpStatusError
from ._failures import FAILURES, translate
from ._fork import Origin
from ._options import RequestOptions, check_max_reply_bytes, check_options, check_timeout, without_secrets
from ._redirects import MAX_REDIRECTS, REDIRECTS, on_same_origin
from ._reply import decode, decode_leniently, read_body, read_leniently
from ._session import find_route

_DEFAULT_MAX_REPLY_BYTES = 64 * 1024 * 1024

# How much is read of a body that is no reply: an error page, or a JSON-RPC error object.
_MAX_OTHER_BODY = 1024 * 1024


class HttpPostClientTransport:
    """
    A client that sends each message as the body of an HTTP POST request; the reply is the response's body.

    *endpoint* is the server's URL. *timeout* is in seconds, for each whole call: connecting, sending and
    receiving, however slowly the server trickles; ``None`` waits for ever. Looking up a host name is the
    one step that can't be cut short. A reply longer than *max_reply_bytes* is refused.

    The other options are those of :func:`requests.request`: *headers*, *auth*, *verify*, *cert*, *proxies*,
    *cookies* and *params*. The environment (proxies, CA bundles, ``.netrc``) is read here, once, as are
    the settings of *session*; cookies alone are looked at for each message.

    A *session* stays the caller's: its adapters, headers and settings are not changed, closing this client
    does not close it, and its cookie jar takes cookies as always. Its connections are not shared either.
    Adapters of a class of your own are used as they are: *timeout* then holds for each operation
    on a socket and for the reading of the body as a whole, retries are up to that adapter, and
    :meth:`close` can't wake a call that waits in it.

    Any thread may call any method at any time, and calls run side by side. Connections are kept alive.

    Raises:
        TypeError: an option is not known, or one is of the wrong type.
        ValueError: *endpoint* is no URL of a known scheme, or an option has no valid value.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        session: requests.Session | None = None,
        timeout: float | None = None,
        max_reply_bytes: int = _DEFAULT_MAX_REPLY_BYTES,
        **request_options: Unpack[RequestOptions],
    ) -> None:
        check_options(request_options)
        self._timeout = check_timeout(timeout)
        self._max_reply_bytes = check_max_reply_bytes(max_reply_bytes)
        # Beside the body there are its head and the sizes of its chunks: this bounds what never ends.
        self._allowance = 8 * self._max_reply_bytes + 16 * 1024 * 1024
        self._route = find_route(endpoint, session, request_options)
        self._endpoint = without_secrets(self._route.url)
        # Only ever changed by single operations, each of which is atomic: no lock that a fork could leave locked.
        self._calls: set[_call.Call] = set()
        self._origin = Origin()
        self._closed = False

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...

    @overload
    def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...

    def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        """
        Post *message*; return the reply, or ``None`` with ``expect_reply=False``.

        Blocks until the reply is there, or the time for the call is up. Without a reply to expect, blocks
        until the server has accepted the message with a status of 2xx; the request then bears
        ``Prefer: respond-async`` (RFC 7240), and what the server answers is thrown away.

        The message is posted once and never again, but for a redirect of status 307 or 308 on the same
        origin, by which the server itself asks for it elsewhere.

        Raises:
            TypeError: *message* is not a ``str``; nothing was sent.
            ValueError: *message* has no UTF-8 form (a lone surrogate); nothing was sent.
            TransportTimeoutError: the time is up; unless connecting took it all, the server may have
                handled the message.
            TransportConnectionError: the server, or its proxy, can't be reached or trusted, or it went
                away in mid-call: then it may have handled the message.
            HttpStatusError: the status is outside 2xx.
            TransportProtocolError: the answer is not HTTP, too long, or no text.
            TransportClosedError: this client was closed, before the call or during it.
        """
        if not isinstance(message, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise TypeError(f"message is of type {type(message).__name__}, expected str")
        try:
            body = message.encode()
        except UnicodeEncodeError as exc:
            raise ValueError(
                f"message has a lone surrogate at index {exc.start}, expected text with a UTF-8 form"
            ) from exc
        call = _call.Call(self._timeout, self._allowance)
        self._leave_parent()
        # Added before it is looked whether the client is closed, as close() does the two in the other order.
        self._calls.add(call)
        if self._closed:
            self._calls.discard(call)
            raise TransportClosedError(f"the client of {self._endpoint} is closed")
        token = _call.enter(call)
        try:
            answer = self._post(body, one_way=not expect_reply)
            if expect_reply:
                reply = self._read(answer)
                if call.aborted:
                    # The end of a connection that close() broke is no end of a reply.
                    raise ConnectionAbortedError
                return reply
            self._ignore(answer)
        except (TransportError, *FAILURES) as exc:
            error = self._explain(exc, call)
            if error is exc:
                raise
            raise error from exc
        else:
            return None
        finally:
            _call.leave(token)
            self._calls.discard(call)

    def close(self) -> None:
        """
        Close the connections, for good; calls in progress end with :exc:`TransportClosedError`.

        Does not block. Closing again does nothing.
        """
        self._leave_parent()
        self._closed = True
        for call in list(self._calls):
            call.abort()
        self._route.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an HttpPostClientTransport cannot be copied or pickled: make another one")

    def _explain(self, failure: Exception, call: _call.Call) -> TransportError:
        """Return what to raise for *failure*, which may be that itself."""
        # What was made of a reply that close() broke off says nothing about the server.
        if call.aborted or (self._closed and not isinstance(failure, TransportError)):
            return TransportClosedError(f"the client of {self._endpoint} was closed during the call")
        if isinstance(failure, TransportError):
            return failure
        return translate(failure, self._endpoint, self._timeout)

    def _leave_parent(self) -> None:
        """In a forked child, leave to the parent the connections and calls that are its own."""
        origin = self._origin
        if origin.left:
            # Whoever else calls waits here, until there is no way left to the parent's connections.
            with origin.lock:
                if origin.left:
                    self._calls = set()
                    self._route.renew()
                    origin.left = False

    def _post(self, body: bytes, *, one_way: bool) -> Answer:
        """Post, and follow redirects that take the message along; return an answer with a status of 2xx."""
        url = self._route.url
        redirects = 0
        while True:
            answer = self._route.post(url, body, one_way=one_way)
            if 200 <= answer.status < 300:
                return answer
            location = answer.headers.get("Location")
            if answer.status not in REDIRECTS or location is None or redirects == MAX_REDIRECTS:
                raise self._status_error(answer)
            target = on_same_origin(url, location)
            if target is None:
                raise self._status_error(answer)
            self._ignore(answer)
            url = target
            redirects += 1

    def _read(self, answer: Answer) -> str:
        try:
            body = read_body(answer.headers, answer.pieces, self._max_reply_bytes)
        except ValueError as exc:
            # From the depths of urllib3, for a chunk of negative size.
            answer.discard()
            raise TransportProtocolError(f"{self._endpoint} answered with what is not HTTP: {exc}") from exc
        except BaseException:
            answer.discard()
            raise
        return decode(answer.headers, body)

    def _ignore(self, answer: Answer) -> None:
        """Read a body that nobody waits for, so that its connection can be used again; else drop both."""
        read_leniently(answer.pieces, _MAX_OTHER_BODY, answer.discard)

    def _status_error(self, answer: Answer) -> HttpStatusError:
        body = read_leniently(answer.pieces, _MAX_OTHER_BODY, answer.discard)
        text = decode_leniently(answer.headers, body)
        return HttpStatusError(self._endpoint, answer.status, answer.reason, text)
