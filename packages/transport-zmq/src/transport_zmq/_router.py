"""
One ROUTER socket that many threads share.

Whoever has the socket's turn receives and sends on it. A reply from a thread that finds the turn taken goes into the
outbox, and the one who has the turn sends it. When that one waits in ``recv``, a bell wakes it: a message from a
private inproc endpoint of the same socket, which comes in like any other and needs no poll set.

So data flows one way: a message from the socket to the thread that receives; its reply from any thread, by the outbox
if need be, to the socket. Closing is one more thing to attend to on leaving the turn.
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
from ._drain import Drain, WayBack
from ._own_socket import OwnSocket
from ._throttle import Throttle
from ._turn import Turn
from ._waiting import TimedSocket, lock_for, timed

_log = logging.getLogger(__name__)

_DONTWAIT = int(zmq.DONTWAIT)  # a plain int is passed on faster than a flag
_MORE = int(zmq.DONTWAIT | zmq.SNDMORE)

# More than the return addresses of any chain of proxies take; bounds what a peer can have the server keep.
_LARGEST_ENVELOPE = 64 * 1024
_LEAVING = 1.0  # seconds: many times what a thread takes that was woken
_TOKEN_SIZE = 16  # bytes: 128 random bits, which no peer can guess

Message = tuple[list[bytes], zmq.Frame]


class RouterClosedError(Exception):
    """The router was closed: no message comes any more."""


class SharedRouter:
    """Receives and sends on *socket*. A worker's has a *way_back* for the replies that follow its disconnection."""

    def __init__(self, socket: zmq.Socket[bytes], way_back: WayBack | None = None) -> None:
        self._socket = socket
        self._timed = timed(socket)
        new_lock = lock_for(socket)
        self._turn = Turn(self._end, new_lock)
        self._outbox: deque[tuple[list[bytes], bytes]] = deque()
        self._drain = Drain(self._timed, new_lock(), way_back)
        self._unread = Throttle(_log)
        # Otherwise libzmq silently drops replies to clients that are gone, or don't read.
        socket.set(zmq.ROUTER_MANDATORY, 1)
        self._token = os.urandom(_TOKEN_SIZE)
        self._bell_endpoint = f"inproc://{self._token.hex()}"
        socket.bind(self._bell_endpoint)
        # Never waits, so it is a plain socket even where *socket* is a green one. Unknown to the context, so that only
        # this object closes it.
        self._bell = zmq.Socket(socket.context, zmq.DEALER)  # pyright: ignore[reportUnknownMemberType]  # pyzmq's
        self._bell.connect(self._bell_endpoint)
        self._bell_held = threading.RLock()  # a signal handler may ring between the steps of another ring
        self._rung = False  # and not heard yet
        if isinstance(socket, OwnSocket):
            socket.closer = self.begin_to_close

    def receive(self, end: float | None) -> Message:
        """
        Wait until *end* for a message; return its envelope, empty when it is too large, and its last frame.

        Raises:
            zmq.Again: no message came in time.
            RouterClosedError: the router was closed.
        """
        turn = self._turn
        while not turn.enter():
            turn.wait(end)
        try:
            turn.holder = get_ident()
            return self._next_message(end)
        except RouterClosedError:  # the socket may be its caller's again
            raise
        except BaseException:  # Ctrl-C, perhaps between two frames
            self._rung = False  # it may have been the bell's message that was broken off
            self._timed.drop_rest()
            raise
        finally:
            turn.holder = 0
            turn.leave(None)
            if self._outbox or turn.closing or turn.waiting or self._drain.requested:
                self._leave()

    def send(self, envelope: list[bytes], data: bytes) -> None:
        """Send *data* to where *envelope* says, here or by the thread that has the turn."""
        turn = self._turn
        if not turn.enter():
            self._outbox.append((envelope, data))
            self._attend_or_ring()
            return
        try:
            self._check_open()
            self._send(envelope, data)
        finally:
            turn.leave(None)
            if self._outbox or turn.closing or turn.waiting or self._drain.requested:
                self._leave()

    def settle(self) -> None:
        """Note that a message was given up: a drain need not wait for its reply."""
        self.send([], b"")

    def drain(self, seconds: float | None) -> None:
        """Take in no more than has arrived, and wait for up to *seconds* until all of it is answered."""
        end = deadline(seconds)
        if not self._drain.requested:
            self._drain.requested = True
            self._attend_or_ring()
            self._drain.wait(end)

    def begin_to_close(self) -> None:
        """Close the socket or set it back, here or by the thread that has the turn; never waits."""
        self._turn.closing = True
        self._drain.cut_short()
        if self._timed.waits_outside and isinstance(self._socket, OwnSocket):
            # A greenlet that has it would not run before zmq.Context.term() has stopped the hub.
            self._attend()
        else:
            self._attend_or_ring()

    def close(self) -> None:
        """Do the same, and wait for a thread that is inside libzmq to leave."""
        self.begin_to_close()
        turn = self._turn
        end = deadline(_LEAVING)
        with contextlib.suppress(zmq.Again):
            # Who ends the socket touches it no more, so there is no need to wait until that thread has left.
            while not turn.closed and turn.holder != get_ident():
                turn.wait(end)
                self._attend_or_ring()
        turn.call_next()  # it may have been this thread that was woken, which needs no turn any more

    def _check_open(self) -> None:
        if self._turn.closed:
            raise RouterClosedError

    def _leave(self) -> None:
        """See to what came up while the turn was taken, and wake the next."""
        self._attend_or_ring()
        self._turn.call_next()

    def _attend_or_ring(self) -> None:
        """Attend to what was asked for; when somebody has the turn, have that thread do it."""
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
        # Who had the turn may have left before the bell rang.
        self._attend_if_free()

    def _attend_if_free(self) -> bool:
        """Attend to what was asked for, while there is anything; return whether nobody had the turn."""
        turn = self._turn
        while self._outbox or turn.closing is not turn.closed or self._drain.is_due:
            if not turn.enter():
                return False
            try:
                self._attend()
            finally:
                turn.leave(None)
                turn.call_next()
        return True

    def _attend(self) -> None:
        """Send what is queued and close what is to be closed; only for the thread that has the turn."""
        while self._outbox:
            envelope, data = self._outbox.popleft()
            if not self._turn.closed:
                with contextlib.suppress(zmq.ZMQError):
                    self._send(envelope, data)
        if self._drain.is_due:
            self._drain.attend(self._read, self._hand_over)
        if self._turn.closing:
            self._turn.end_in_turn()

    def _end(self) -> None:
        self._drain.flush(self._hand_over)
        with self._bell_held:
            self._bell.close(0)
        if isinstance(self._socket, OwnSocket):
            self._socket.close_in_turn()
        else:
            self._timed.restore()
            with contextlib.suppress(zmq.ZMQError):  # when the caller, or the context, has closed it before
                self._socket.unbind(self._bell_endpoint)

    def _next_message(self, end: float | None) -> Message:
        """Return the next message that is not the bell's; only for the thread that has the turn."""
        line, drain = self._timed, self._drain
        while not self._turn.closing:
            if drain.begun:
                return self._drained()
            if end is not None or line.limit is not None:
                line.set_limit(remaining(end))
            message = self._read(line.receive())
            if message is not None:
                drain.received += 1
                return message
            self._attend()
        raise RouterClosedError

    def _drained(self) -> Message:
        self._attend()
        try:
            return self._drain.arrived.popleft()
        except IndexError:
            raise RouterClosedError from None

    def _read(self, routing_id: bytes) -> Message | None:
        """Read the rest of the message that *routing_id* begins; return ``None`` if it is the bell's."""
        receive = self._timed.receive
        # The routing id, which ZMQ_ROUTER always puts in front of what the peer has sent.
        envelope = [routing_id]
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
        with self._bell_held:
            self._rung = False
        return None

    def _send(self, envelope: list[bytes], data: bytes) -> None:
        """Send a reply, or keep it until a drain is over; an empty *envelope* stands for a message given up."""
        drain = self._drain
        drain.answered += 1
        if drain.begun:
            drain.keep(envelope, data)
        elif envelope:
            self._hand_over(self._timed, envelope, data)

    def _hand_over(self, line: TimedSocket, envelope: list[bytes], data: bytes) -> None:
        send = line.send_now
        frames = iter(envelope)
        try:
            for frame in frames:
                send(frame, _MORE)
            send(data, _DONTWAIT)
        except zmq.Again:
            self._unread.warn("dropped a reply: its client has not read the ones before it")
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
