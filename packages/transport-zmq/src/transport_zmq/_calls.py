"""How a call of a client goes: out by a socket of its own, and back in time or not at all."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import zmq

from transport_base import TransportClosedError, TransportError, TransportProtocolError, TransportTimeoutError

from ._deadline import deadline, next_wait, remaining
from ._pool import Sockets
from ._text import decode

ResultT = TypeVar("ResultT")

_DONTWAIT = int(zmq.DONTWAIT)  # a plain int is passed on faster than a flag

# What a call that timed out lacked, and what is known of its message.
_OUT_OF_TURN = ("turn on the socket to", "the message was not sent")
_UNSENT = ("connection to", "the message was not sent")
_UNANSWERED = ("reply from", "the server may have handled the message")


class Calls:
    """
    The calls of one client to *endpoint*, each with *timeout* seconds in all.

    Requests go by the sockets of *requests*. One-way messages go by those of *one_way*, which are DEALER
    sockets, or by *requests* when there are none.
    """

    def __init__(self, endpoint: str, timeout: float | None, requests: Sockets, one_way: Sockets | None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._first_wait = next_wait(timeout)
        self._requests = requests
        self._one_way = one_way
        self._closed = False

    def request(self, data: bytes) -> str:
        """Send *data* and wait for the reply; return its text."""
        end = deadline(self._timeout)
        socket = self._requests.take(end)
        if socket is None:
            raise self._not_taken()
        went_well = False
        try:
            wait = self._first_wait
            try:
                socket.send_now(data, _DONTWAIT)
            except zmq.Again as exc:
                self._again(partial(socket.send, data), exc, end, _UNSENT)
                wait = next_wait(remaining(end))
            del data  # a large one, alive beside its reply, costs more in page faults than all else here
            try:
                frame = socket.receive_within(wait)
            except zmq.Again as exc:
                frame = self._again(socket.receive_within, exc, end, _UNANSWERED)
            if frame.more:
                raise TransportProtocolError(f"reply from {self._endpoint} has several frames, expected 1")
            reply = decode(frame, "utf-8")
            went_well = True
        except UnicodeDecodeError as exc:
            raise TransportProtocolError(
                f"reply from {self._endpoint} has byte 0x{exc.object[exc.start]:02x} at {exc.start}, expected UTF-8"
            ) from exc
        finally:
            self._requests.free = True  # not in a call, as which begins a signal handler may raise
            self._requests.take_back(socket, went_well)
        return reply

    def tell(self, data: bytes) -> None:
        """Send *data* and wait until it is on its way."""
        end = deadline(self._timeout)
        sockets = self._one_way or self._requests
        socket = sockets.take(end)
        if socket is None:
            raise self._not_taken()

        def send(wait: float) -> None:
            if sockets is self._one_way:
                socket.drop_received()
                socket.send(b"", wait, zmq.SNDMORE)  # the delimiter, which REQ sockets send of themselves
            socket.send(data, wait)

        went_well = False
        try:
            try:
                send(self._first_wait)
            except zmq.Again as exc:
                self._again(send, exc, end, _UNSENT)
            went_well = True
        finally:
            sockets.free = True
            sockets.take_back(socket, went_well)

    def close(self) -> None:
        """Close the sockets, and have calls under way end with ``TransportClosedError``."""
        self._closed = True
        self._requests.close()
        if self._one_way is not None:
            self._one_way.close()

    def _again(
        self, step: Callable[[float], ResultT], reason: zmq.Again, end: float | None, lacking: tuple[str, str]
    ) -> ResultT:
        """Try *step* until *end*, after a first try that ended by *reason*; *lacking* is for the error then."""
        try:
            while True:
                if self._closed:
                    raise self._closed_error() from reason
                left = remaining(end)
                if left == 0:
                    raise self._late(*lacking) from reason
                try:
                    return step(next_wait(left))
                except zmq.Again as exc:
                    reason = exc
        finally:
            del reason  # whose traceback has this frame: the two would keep the client alive

    def _not_taken(self) -> TransportError:
        return self._closed_error() if self._closed else self._late(*_OUT_OF_TURN)

    def _late(self, lacking: str, fate: str) -> TransportTimeoutError:
        return TransportTimeoutError(f"no {lacking} {self._endpoint} within {self._timeout} s; {fate}")

    def _closed_error(self) -> TransportClosedError:
        return TransportClosedError(f"client of {self._endpoint} was closed during the call")
