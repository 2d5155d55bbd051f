"""How a call of a client goes: out on a socket that is its own meanwhile, and back in time or not at all."""

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import TypeVar

import zmq

from transport_base import TransportClosedError, TransportProtocolError, TransportTimeoutError

from ._deadline import deadline, next_wait, remaining
from ._pool import ClientSocket, Pool
from ._text import decode
from ._watch import NotSentError, Watch

ResultT = TypeVar("ResultT")

_DONTWAIT = int(zmq.DONTWAIT)  # a plain int is passed on faster than a flag
_LEAVING = 1.0  # seconds: twice what a call takes to look up whether its client was closed

# What a call that timed out lacked, and what is known of its message.
_NO_TURN = ("timed out waiting to use the socket to", "the message was not sent")
_UNSENT = ("no connection to", "the message was not sent")
_UNANSWERED = ("no reply from", "the server may have handled the message")


class Calls:
    """
    The calls of one client to *endpoint*: requests on sockets of *requests*, one-way messages on those of *one_way*.

    A call owns its socket from :meth:`Pool.take` on; its deadline goes along with it. Nothing is read on the sockets
    of one-way messages: they are REQ sockets with ZMQ_REQ_RELAXED, which discard whatever has arrived, inside libzmq
    and in whole messages, as they send the next one.
    """

    def __init__(self, endpoint: str, requests: Pool, one_way: Pool, max_bytes: float) -> None:
        self._endpoint = endpoint
        self._max_bytes = max_bytes
        self._requests = requests
        self._one_way = one_way
        self._closed = False

    def request(self, data: bytes, timeout: float | None) -> str:  # noqa: C901, PLR0912, PLR0915  # a call, step by step
        """Send *data* and wait for the reply; return its text."""
        if len(data) > self._max_bytes:
            raise self._too_large(data)
        end = deadline(timeout)
        pool = self._requests
        went_well = False
        watch: Watch | None = None
        try:
            socket = self._taken(pool, end, timeout)
            turn = socket.turn
            try:
                turn.holder = get_ident()
                if self._closed or turn.closed:
                    raise self._closed_error()
                socket.reusable = pool.reuses_failed
                line = socket.timed
                wait = next_wait(timeout)
                try:
                    line.send_now(data, _DONTWAIT)
                except zmq.Again as exc:
                    self._again(partial(line.send, data), exc, end, timeout, _UNSENT)
                    wait = next_wait(remaining(end))
                del data  # a large one, alive beside its reply, costs more in page faults than all else here
                try:
                    frame = line.receive_within(wait)
                except zmq.Again as exc:
                    frame = self._again(line.receive_within, exc, end, timeout, _UNANSWERED)
                if frame.more:
                    raise TransportProtocolError(f"reply from {self._endpoint} has several frames, expected 1")
                reply = decode(frame, "utf-8")
                socket.reusable = went_well = True
                if socket.watch is not None:
                    socket.end_watch()
            except TransportTimeoutError:
                # The socket is closed as it is given back; only then is it certain what became of the message.
                watch, socket.watch = socket.watch, None
                raise
            except UnicodeDecodeError as exc:
                raise TransportProtocolError(
                    f"reply from {self._endpoint} has byte 0x{exc.object[exc.start]:02x} at {exc.start}, expected UTF-8"
                ) from exc
            finally:
                turn.holder = 0
                turn.leave(None)
                pool.give_back(socket, went_well=went_well)
        except TransportTimeoutError as exc:
            if watch is not None and watch.never_connected():
                raise NotSentError(_text(_UNSENT, self._endpoint, timeout)) from exc.__cause__
            raise
        finally:
            if watch is not None:
                watch.close()
        return reply

    def tell(self, data: bytes, timeout: float | None) -> None:
        """Send *data* and wait until it is on its way."""
        if len(data) > self._max_bytes:
            raise self._too_large(data)
        end = deadline(timeout)
        pool = self._one_way
        went_well = False
        socket = self._taken(pool, end, timeout)
        turn = socket.turn
        try:
            turn.holder = get_ident()
            if self._closed or turn.closed:
                raise self._closed_error()
            socket.reusable = pool.reuses_failed
            send = partial(socket.timed.send, data)
            try:
                send(next_wait(timeout))
            except zmq.Again as exc:
                self._again(send, exc, end, timeout, _UNSENT)
            socket.reusable = went_well = True
        finally:
            turn.holder = 0
            turn.leave(None)
            pool.give_back(socket, went_well=went_well)

    def close(self, *, wait: bool = True) -> None:
        """
        Close the sockets; have calls under way end with ``TransportClosedError``.

        With *wait*, return when none of them is inside libzmq any more.
        """
        self._closed = True
        pools = {self._requests, self._one_way}
        for pool in pools:
            pool.close()
        if wait:
            end = deadline(_LEAVING)
            for pool in pools:
                pool.wait_until_closed(end)

    def _taken(self, pool: Pool, end: float | None, timeout: float | None) -> ClientSocket:
        try:
            return pool.take(end)
        except zmq.Again:
            raise self._closed_error() if self._closed else self._late(timeout, *_NO_TURN) from None

    def _again(
        self,
        step: Callable[[float], ResultT],
        reason: zmq.Again,
        end: float | None,
        timeout: float | None,
        lacking: tuple[str, str],
    ) -> ResultT:
        """Try *step* until *end*, after a first try that ended by *reason*; *lacking* is for the error then."""
        try:
            while True:
                if self._closed:
                    raise self._closed_error() from reason
                left = remaining(end)
                if left == 0:
                    raise self._late(timeout, *lacking) from reason
                try:
                    return step(next_wait(left))
                except zmq.Again as exc:
                    reason = exc
        finally:
            del reason  # whose traceback has this frame: the two would keep the client alive

    def _too_large(self, data: bytes) -> ValueError:
        return ValueError(f"message has {len(data)} bytes, expected at most {self._max_bytes} (max_message_bytes)")

    def _late(self, timeout: float | None, lacking: str, fate: str) -> TransportTimeoutError:
        return TransportTimeoutError(_text((lacking, fate), self._endpoint, timeout))

    def _closed_error(self) -> TransportClosedError:
        return TransportClosedError(f"client of {self._endpoint} was closed during the call")


def _text(lacking: tuple[str, str], endpoint: str, timeout: float | None) -> str:
    return f"{lacking[0]} {endpoint} within {timeout} s; {lacking[1]}"
