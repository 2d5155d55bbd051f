"""
One ROUTER socket that many threads share.

libzmq's sockets are not thread-safe, so one thread at a time is inside it: the holder. A reply from another
thread is queued, and the holder sends it. When it waits in ``recv``, a bell wakes it: a message from a private
inproc endpoint of the same socket, which comes in like any other and needs no poll set.
"""

import contextlib
import errno
import logging
import os
import threading
from collections import deque
from threading import get_ident

import zmq

from ._deadline import deadline, remaining
from ._throttle import Throttle
from ._turn import Turn
from ._waiting import timed

_log = logging.getLogger(__name__)

_DONTWAIT = int(zmq.DONTWAIT)  # a plain int is passed on faster than a flag
_MORE = int(zmq.DONTWAIT | zmq.SNDMORE)

# More than the return addresses of any chain of proxies take; bounds what a peer can have the server keep.
_LARGEST_ENVELOPE = 64 * 1024
_LEAVING = 1.0  # seconds: many times what a thread takes that was woken
_TOKEN_SIZE = 16  # bytes: 128 random bits, which no peer can guess


class RouterClosedError(Exception):
    """The router was closed: no message comes any more."""


class SharedRouter:
    """Receives and sends on *socket*; closes it in the end if it *owns* it."""

    def __init__(self, socket: zmq.Socket[bytes], *, owns: bool) -> None:
        self._socket = socket
        self._owns = owns
        self._timed = timed(socket)
        self._turn = Turn(socket)
        self._outbox: deque[tuple[list[bytes], bytes]] = deque()
        self._receiver = 0  # the thread that is receiving
        self._not_read = Throttle(_log)
        self._closing = False
        self._closed = False
        # Otherwise libzmq drops replies to clients that are gone, or don't read, without a word.
        socket.set(zmq.ROUTER_MANDATORY, 1)
        self._token = os.urandom(_TOKEN_SIZE)
        self._bell_endpoint = f"inproc://{self._token.hex()}"
        socket.bind(self._bell_endpoint)
        # Never waits, so it is a plain socket even where *socket* is a green one.
        self._bell = zmq.Socket(socket.context, zmq.DEALER)  # pyright: ignore[reportUnknownMemberType]  # as pyzmq has it
        self._bell.connect(self._bell_endpoint)
        self._bell_held = threading.RLock()  # a signal handler may ring amid another ring
        self._rung = False  # and not heard yet

    def receive(self, end: float | None) -> tuple[list[bytes], zmq.Frame]:
        """
        Wait until *end* for a message; return its envelope, empty when it is too large, and its last frame.

        Raises:
            zmq.Again: no message came in time.
            RouterClosedError: the router was closed.
        """
        turn = self._turn
        while True:
            try:
                del turn.free
                break
            except AttributeError:
                turn.wait(end)
        try:
            self._receiver = get_ident()
            return self._next_message(end)
        except RouterClosedError:  # the socket may be its caller's again
            raise
        except BaseException:  # Ctrl-C, perhaps between two frames
            self._rung = False  # it may have been this that was broken off
            self._timed.drop_rest()
            raise
        finally:
            self._receiver = 0
            turn.free = True
            if self._outbox or self._closing or turn.waiting:
                self._leave()

    def send(self, envelope: list[bytes], data: bytes) -> None:
        """Send *data* to where *envelope* says, here or by the thread that holds the socket."""
        turn = self._turn
        try:
            del turn.free
        except AttributeError:
            self._outbox.append((envelope, data))
            self._attend_or_ring()
            return
        try:
            self._send(envelope, data)
        finally:
            turn.free = True
            if self._outbox or self._closing or turn.waiting:
                self._leave()

    def close(self) -> None:
        """Wake who waits, and close the socket or set it back, here or by the thread that holds it."""
        self._closing = True
        if self._owns and self._timed.waits_outside:
            # A greenlet that holds it would not come to run before zmq.Context.term() has stopped the hub.
            self._attend()
        else:
            self._attend_or_ring()
        # Not where a signal handler has interrupted the holder, nor among greenlets, which share a thread. Who sets
        # _closed touches the socket no more, so there is no need to wait until it has let go.
        if self._receiver != get_ident():
            end = deadline(_LEAVING)
            with contextlib.suppress(zmq.Again):
                while not self._closed:
                    self._turn.wait(end)
                    self._attend_or_ring()

    def _leave(self) -> None:
        """See to what came up while the socket was held, and wake the next."""
        self._attend_or_ring()
        self._turn.call_next()

    def _attend_or_ring(self) -> None:
        """Attend to what was asked for; when somebody holds the socket, have that thread do it."""
        if self._attend_if_free():
            return
        with self._bell_held, contextlib.suppress(zmq.ZMQError):
            if not self._rung:
                self._rung = True
                try:
                    self._bell.send(self._token, _DONTWAIT)
                except BaseException:  # of a signal handler: it does not ring then, and others must
                    self._rung = False
                    raise
        # Who held it may have let go before the bell rang.
        self._attend_if_free()

    def _attend_if_free(self) -> bool:
        """Attend to what was asked for, while there is anything; tell whether nobody held the socket."""
        turn = self._turn
        while self._outbox or self._closing is not self._closed:
            try:
                del turn.free
            except AttributeError:
                return False
            try:
                self._attend()
            finally:
                turn.free = True
                turn.call_next()
        return True

    def _attend(self) -> None:
        """Send what is queued and close what is to be closed; only the holder may."""
        while self._outbox:
            try:
                self._send(*self._outbox.popleft())
            except zmq.ZMQError as exc:
                _log.debug("dropped a reply: %s", exc)
        if self._closing and not self._closed:
            with self._bell_held:
                self._bell.close(0)
            if self._owns:
                self._socket.close()
            else:
                self._timed.restore()
                with contextlib.suppress(zmq.ZMQError):  # when the caller, or the context, has closed it before
                    self._socket.unbind(self._bell_endpoint)
            self._closed = True

    def _next_message(self, end: float | None) -> tuple[list[bytes], zmq.Frame]:
        """Read the next message that is not the bell's; only the holder may."""
        socket = self._timed
        receive = socket.receive
        while not self._closing:
            if end is not None or socket.limit is not None:
                socket.set_limit(remaining(end))
            # The routing id, which ZMQ_ROUTER always has in front of what the peer has sent.
            envelope: list[bytes] = [receive()]
            frame: zmq.Frame = receive(_DONTWAIT, False)
            size = 0
            while frame.more:
                size += 1 + len(frame)  # so that empty frames count as well
                if size <= _LARGEST_ENVELOPE:
                    envelope.append(frame.bytes)
                frame = receive(_DONTWAIT, False)
            if size > _LARGEST_ENVELOPE:
                return [], frame
            if size or len(frame) != _TOKEN_SIZE or frame.bytes != self._token:
                return envelope, frame
            self._rung = False
            self._attend()
        raise RouterClosedError

    def _send(self, envelope: list[bytes], data: bytes) -> None:
        send = self._timed.send_now
        frames = iter(envelope)
        try:
            for frame in frames:
                send(frame, _MORE)
            send(data, _DONTWAIT)
        except zmq.Again:
            self._not_read.warn("dropped a reply: its client has not read the ones before it")
        except BaseException as exc:
            if isinstance(exc, zmq.ZMQError) and exc.errno == errno.EHOSTUNREACH:
                _log.debug("dropped a reply: its client is gone")
                return
            # Ctrl-C between two frames: a message begun would swallow the next. When it was whole already, this
            # makes one to a peer called *data*, which is refused.
            with contextlib.suppress(zmq.ZMQError):
                for frame in frames:
                    send(frame, _MORE)
                send(data, _DONTWAIT)
            raise
