"""The client: one HTTP POST a message."""

from types import EllipsisType, TracebackType
from typing import Literal, NoReturn, Self, Unpack, overload

import requests

from transport_base import TransportClosedError, TransportError, TransportProtocolError

from ._connection import Call
from ._engine import Engine
from ._errors import HttpStatusError, translate
from ._options import RequestOptions, check_max_reply_bytes, check_options, check_timeout, without_secrets
from ._reply import decode, decode_leniently
from ._response import MalformedError, Response
from ._session import SessionResponse, find_endpoint, on_same_origin

_DEFAULT_MAX_REPLY_BYTES = 64 * 1024 * 1024

# How much is read of a body that is not a reply: an error page, or a JSON-RPC error object.
_MAX_OTHER_BODY = 1024 * 1024

# Temporary and permanent redirect, which keep the method and the body: RFC 9110, sections 15.4.8 and 15.4.9.
_REDIRECTS = (307, 308)
_MAX_REDIRECTS = 5

_Answer = Response | SessionResponse


class HttpPostClientTransport:
    """
    A client that sends each message as the body of an HTTP POST request; the reply is the response's body.

    *endpoint* is the server's URL. *timeout* is in seconds, for each whole call: connecting, sending and
    receiving, however slowly the server trickles; ``None`` waits for ever. Looking up a host name is the
    one step that cannot be cut short. A reply longer than *max_reply_bytes* is refused.

    The other options are those of :func:`requests.request`: *headers*, *auth*, *verify*, *cert*, *proxies*,
    *cookies* and *params*. The environment (proxies, CA bundles, ``.netrc``) is read here, once, as are
    the settings of *session*; cookies alone are looked at for each message.

    Cookies that the server sets are kept between calls: without a *session*, 50 of them with at most 4096 bytes each
    (RFC 6265, section 6.1).

    A *session* stays the caller's: its adapters, headers and settings are not changed, closing this client
    does not close it, and its cookie jar takes cookies as always. Its connections are not shared either.
    Adapters of a class of your own are used as they are: *timeout* then holds for each operation
    on a socket and for the reading of the body as a whole, whether it retries is up to that adapter, and
    :meth:`close` cannot wake a call that waits in it.

    Any thread may call any method at any time, and calls run side by side. Connections are kept alive.

    Raises:
        TypeError: an option is not known, or one is of the wrong type.
        ValueError: *endpoint* is not a URL of a known scheme, or an option has no valid value.
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
        self._engine = Engine(self._max_reply_bytes)
        self._endpoint = find_endpoint(endpoint, session, request_options, self._engine)
        self._shown = without_secrets(self._endpoint.url)

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[True] = True, timeout: float | EllipsisType | None = ...
    ) -> str: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[False], timeout: float | EllipsisType | None = ...
    ) -> None: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: bool, timeout: float | EllipsisType | None = ...
    ) -> str | None: ...

    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None:
        """
        Post *message*; return the reply, or ``None`` with ``expect_reply=False``.

        Blocks until the reply is there, or the time for the call is up: *timeout* seconds for this call alone, ``None``
        for ever, and the client's own timeout by default. Without a reply to expect, blocks
        until the server has accepted the message with a status of 2xx, and that response has ended; the request then
        carries ``Prefer: respond-async`` (RFC 7240), and the body of the response is discarded.

        The message is posted once and never again, except when the server itself asks for it: elsewhere, by a redirect
        of status 307 or 308 on the same origin, or with the answer to its challenge, by authentication such as digest.

        Raises:
            TypeError: *message* is not a ``str``, or *timeout* not a number; nothing was sent.
            ValueError: *message* has no UTF-8 form (a lone surrogate), or *timeout* is negative; nothing was sent.
            TransportTimeoutError: the time is up; the server may have handled the message, unless the error says that
                it was not sent.
            TransportConnectionError: the server, or its proxy, cannot be reached or trusted, or the connection broke
                during the call: then the server may have handled the message.
            HttpStatusError: the status is outside 2xx.
            TransportProtocolError: the response is malformed, too long, or not text.
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
        seconds = self._timeout if timeout is ... else check_timeout(timeout)
        engine = self._engine
        try:
            call = engine.begin(seconds)
        except TransportClosedError:
            raise TransportClosedError(f"the client of {self._shown} is closed") from None
        try:
            call.body = body
            del body
            answer = self._post(call, message, one_way=not expect_reply)
            if not expect_reply:
                _read_leniently(answer)
                return None
            packed = answer.read(self._max_reply_bytes)
            if engine.closed:
                # The end of a connection that close() broke must not be mistaken for the end of a reply.
                raise ConnectionAbortedError("the client was closed")
            return decode(answer.named.get("content-type", ""), packed)
        except (TransportError, OSError, MalformedError) as exc:
            error, cause = self._explain(exc, call)
        finally:
            engine.end(call)
        # Not within the handler, for the text of what went wrong may have a secret in it.
        raise error from cause

    def close(self) -> None:
        """
        Close the connections, for good; calls in progress end with :exc:`TransportClosedError`.

        Does not block. Closing again does nothing.
        """
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an HttpPostClientTransport cannot be copied or pickled: make another one")

    def _explain(self, failure: Exception, call: Call) -> tuple[TransportError, BaseException | None]:
        """Return what to raise for *failure*, which may be that itself, and its cause."""
        # What was made of a reply that close() broke off says nothing about the server.
        if self._engine.closed:
            return TransportClosedError(f"the client of {self._shown} was closed during the call"), None
        if isinstance(failure, TransportError):
            return failure, failure.__cause__
        return translate(failure, self._shown, call)

    def _post(self, call: Call, message: str, *, one_way: bool) -> _Answer:
        """Post, and follow redirects that take the message along; return an answer with a status of 2xx."""
        url = self._endpoint.url
        redirects = 0
        while True:
            answer = self._endpoint.post(call, url, one_way=one_way)
            if 200 <= answer.status < 300:
                return answer
            location = answer.named.get("location")
            target = None if location is None or redirects == _MAX_REDIRECTS else on_same_origin(url, location)
            if answer.status not in _REDIRECTS or target is None:
                text = decode_leniently(answer.named.get("content-type", ""), _read_leniently(answer))
                raise HttpStatusError(self._shown, answer.status, answer.reason, text, answer.headers)
            _read_leniently(answer)
            call.body = message.encode()
            url = target
            redirects += 1


def _read_leniently(answer: _Answer) -> bytearray:
    """Read a body that is not a reply, so that its connection can be used again; return as much as comes of 1 MiB."""
    body = bytearray()
    try:
        for piece in answer.unpacked():
            body += piece
            if len(body) > _MAX_OTHER_BODY:
                answer.close()
                break
    except (OSError, MalformedError, TransportProtocolError):
        answer.close()
    return body[:_MAX_OTHER_BODY]
