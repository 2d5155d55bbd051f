"""The server side: a ROUTER socket that any number of threads share."""

import contextlib
import errno
import logging
import math
import secrets
import threading
from collections import deque
from types import TracebackType
from typing import Any, Self

import zmq

from transport_base import TransportClosedError, TransportContextError, TransportError, TransportTimeoutError

from . import _frames
from ._deadline import check_timeout, deadline, remaining
from ._envelope import Envelope
from ._fork import Origin
from ._sockets import (
    DEFAULT_MAX_MESSAGE_BYTES,
    LINGER,
    SocketOptions,
    check_size,
    check_socket,
    endpoint_of,
    open_socket,
    translated,
    with_defaults,
)
from ._waiting import acquire, lock_for, timed

_log = logging.getLogger(__name__)

_TOKEN_SIZE = 16  # bytes: 128 random bits are beyond guessing


class ZmqServerTransport:
    """
    Receive messages and answer them over a ``zmq.ROUTER`` socket.

    Every method may be called from any thread, and with a ``zmq.green`` socket from any greenlet, at any
    time. Only one of them is inside libzmq at once, as its sockets demand: a reply from elsewhere is
    queued, and a message on a private inproc endpoint of the same socket wakes the one that waits there.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        """
        Serve on *socket*, a ``zmq.ROUTER`` socket that is bound already.

        The socket stays the caller's to close, after this transport. Until then only the transport uses
        it: it binds a private inproc endpoint to it, sets ZMQ_ROUTER_MANDATORY, to learn of clients that
        are gone, and ZMQ_RCVTIMEO and ZMQ_SNDTIMEO, which :meth:`close` sets back. How large a message may
        be is for the socket's own ZMQ_MAXMSGSIZE to say.

        Raises:
            TypeError: *socket* is no ``zmq.Socket`` or ``zmq.green.Socket``.
            ValueError: *socket* is closed, or not a ROUTER.
        """
        check_socket(socket, zmq.ROUTER)
        self._endpoint = endpoint_of(socket)
        self._owns_socket = False
        self._origin = Origin()
        self._closed = False
        self._disposed = False
        max_bytes = int(socket.get(zmq.MAXMSGSIZE))
        self._max_bytes: float = math.inf if max_bytes < 0 else max_bytes
        self._socket = socket
        self._timed = timed(socket)
        self._held = lock_for(socket)  # by whoever is inside libzmq with the socket
        self._outbox: deque[tuple[list[bytes], bytes]] = deque()
        socket.set(zmq.ROUTER_MANDATORY, 1)
        # A peer can't tell the token, so it can't pass for the bell.
        self._token = secrets.token_bytes(_TOKEN_SIZE)
        bell_endpoint = f"inproc://{self._token.hex()}"
        socket.bind(bell_endpoint)
        # Never waits, so it is a plain socket even where *socket* is a green one.
        self._bell = zmq.Socket(socket.context, zmq.DEALER)  # pyright: ignore[reportUnknownMemberType]  # as pyzmq has it
        self._bell.connect(bell_endpoint)
        self._bell_held = threading.RLock()  # never while waiting; a signal handler may come in twice
        self._bell_endpoint = bell_endpoint

    @classmethod
    def create(
        cls,
        zmq_context: zmq.Context[Any],
        endpoint: str,
        *,
        bind: bool = True,
        socket_options: SocketOptions | None = None,
        max_message_bytes: int | None = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> Self:
        """
        Open a socket of its own and serve on it.

        Args:
            zmq_context: A ``zmq.Context``, or a ``zmq.green.Context`` to serve greenlets.
            endpoint: Where to listen, such as ``tcp://127.0.0.1:5555`` or ``ipc:///path``. With
                ``tcp://host:*`` the system picks the port; :attr:`endpoint` tells which.
            bind: ``False`` connects to *endpoint* instead, which makes this server one worker behind
                the DEALER side of a ROUTER/DEALER proxy.
            socket_options: Options of libzmq by their numbers (``zmq.CURVE_SERVER``, …), set before
                the socket is bound. They win over the defaults here, ZMQ_LINGER of 5 s among them.
            max_message_bytes: The most bytes that a peer may send in one message (ZMQ_MAXMSGSIZE for
                each frame, and checked again for the whole); one that sends more is cut off.
                ``None`` sets no bound.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: the form of *endpoint*, an option or a value is not one that libzmq knows.
            TransportConnectionError: *endpoint* can't be had, for example because its port is in use.
            TransportClosedError: *zmq_context* was terminated.
        """
        options = with_defaults(socket_options, {zmq.LINGER: LINGER, zmq.MAXMSGSIZE: check_size(max_message_bytes)})
        socket = open_socket(zmq_context, zmq.ROUTER, endpoint, bind=bind, options=options)
        transport = cls(socket)
        transport._owns_socket = True
        return transport

    @property
    def endpoint(self) -> str:
        """Where the socket is bound or connected, with the port that it has got."""
        return self._endpoint

    def receive_message(self, timeout: float | None = None) -> tuple[Envelope, str]:
        """
        Wait up to *timeout* seconds for the next message; return its envelope and its text.

        ``None`` waits for ever, 0 takes only what has arrived already. What is not UTF-8, or too large,
        or has no sane envelope is dropped with a warning in the log, and the wait goes on.

        Raises:
            TransportTimeoutError: no message in time.
            TransportClosedError: the server was closed, before the call or during it.
            TransportError: this process is a fork of the one that made the server.
        """
        if self._closed or not self._origin.is_here():
            raise self._unusable()
        end = None if timeout is None else deadline(check_timeout(timeout))
        if not self._held.acquire(False) and not acquire(self._held, remaining(end)):
            raise self._late(timeout)
        try:
            return self._next_message(end)
        except zmq.Again as exc:
            raise self._late(timeout) from exc
        except zmq.ZMQError as exc:
            raise self._failed(exc) from exc
        except BaseException:  # Ctrl-C, perhaps between two frames
            _frames.drop_rest(self._socket)
            raise
        finally:
            self._let_go()

    def send_reply(self, context: Envelope, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Never waits: the reply is handed to libzmq, or to the thread that is inside it. A client that is
        gone is no error (a line at DEBUG tells), nor is one that does not read (its reply is dropped, with
        a warning, once ZMQ_SNDHWM replies wait for it). Whether the client took the reply is not known.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form. The context can still be answered.
            TransportContextError: *context* was answered before, or is not one of this server's.
            TransportClosedError: the server was closed.
            TransportError: this process is a fork of the one that made the server.
        """
        data = _frames.encode(reply)
        if self._closed or not self._origin.is_here():
            raise self._unusable()
        envelope = context.claim(self) if isinstance(context, Envelope) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        if envelope is None:
            raise TransportContextError(
                f"context {context!r} was answered already or is another server's, expected one to be answered yet"
            )
        if self._held.acquire(False):
            try:
                self._send(envelope, data)
            except zmq.ZMQError as exc:
                raise self._failed(exc) from exc
            finally:
                self._let_go()
        else:
            self._outbox.append((envelope, data))
            self._attend_or_ring()

    def close(self) -> None:
        """
        Close the server and wake whoever waits in it; do nothing when it is closed.

        Returns at once, from any thread and from signal handlers too: a thread that waits inside libzmq
        closes the socket as it leaves, a moment later. Replies already given are still sent, for up to
        ZMQ_LINGER. A socket that a caller brought is set back and left open.
        """
        if self._closed:
            return
        self._closed = True
        if self._origin.is_here():
            self._attend_or_ring()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _next_message(self, end: float | None) -> tuple[Envelope, str]:
        while not self._closed:
            envelope, frame = _frames.read(self._socket, self._timed.receive(None if end is None else remaining(end)))
            if len(envelope) == 1 and len(frame) == _TOKEN_SIZE and frame.bytes == self._token:
                self._attend()
            elif not envelope:
                _log.warning("dropped a message whose envelope is too large")
            elif len(frame) > self._max_bytes:  # as inproc peers may send, for which libzmq has no bound
                _log.warning("dropped a message of %d bytes, expected at most %d", len(frame), self._max_bytes)
            else:
                try:
                    return Envelope(self, envelope), _frames.decode(frame)
                except UnicodeDecodeError as exc:
                    _log.warning("dropped a message that is not UTF-8 at byte %d", exc.start)
        raise self._unusable()

    def _unusable(self) -> TransportError:
        if not self._origin.is_here():
            return self._origin.error()
        return TransportClosedError(f"server at {self._endpoint} was closed, expected an open one")

    def _late(self, timeout: float | None) -> TransportTimeoutError:
        return TransportTimeoutError(f"no message at {self._endpoint} within {timeout} s")

    def _failed(self, exc: zmq.ZMQError) -> TransportError:
        error = translated(exc, f"serving at {self._endpoint}")
        if isinstance(error, TransportClosedError):
            self._closed = True  # so that whoever lets go of the socket closes it: zmq.Context.term() waits for that
        return error

    def _attend_or_ring(self) -> None:
        """Attend to what was asked for; have the one who holds the socket do it when somebody does."""
        if not self._held.acquire(False):
            with self._bell_held, contextlib.suppress(zmq.ZMQError):  # full: enough rings wait to be heard
                self._bell.send(self._token, zmq.DONTWAIT)
            # Who held it may have let go of it before the bell rang.
            if not self._held.acquire(False):
                return
        self._let_go()

    def _let_go(self) -> None:
        """Let go of the socket, then attend to what was asked for while it was held."""
        self._held.release()
        while (self._outbox or self._closed is not self._disposed) and self._held.acquire(False):
            try:
                self._attend()
            finally:
                self._held.release()

    def _attend(self) -> None:
        """Send the queued replies and close what is to be closed; only who holds the socket may."""
        while self._outbox:
            try:
                self._send(*self._outbox.popleft())
            except zmq.ZMQError as exc:
                _log.debug("dropped a reply: %s", self._failed(exc))
        if self._closed and not self._disposed:
            self._disposed = True
            with self._bell_held:
                self._bell.close(0)
            if self._owns_socket:
                self._socket.close()
            elif not self._socket.closed:
                self._timed.restore()
                self._socket.unbind(self._bell_endpoint)

    def _send(self, envelope: list[bytes], data: bytes) -> None:
        try:
            _frames.write(self._socket, envelope, data)
        except zmq.Again:
            _log.warning("dropped a reply: its client has not read the ones before it")
        except zmq.ZMQError as exc:
            if exc.errno != errno.EHOSTUNREACH:
                raise
            _log.debug("dropped a reply: its client is gone")
