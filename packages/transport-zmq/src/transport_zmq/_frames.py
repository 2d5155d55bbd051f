"""Messages as frames: the last one is the text in UTF-8, byte for byte; those before it are the envelope."""

import contextlib
from collections.abc import Iterable

import zmq

# From here on, one copy into bytes and the frame let go beats decoding in place: with the frame, the bytes of
# the socket buffer and the str alive at once, the allocator gives memory back and takes it anew each time.
_LARGE = 200_000

_MORE = zmq.DONTWAIT | zmq.SNDMORE
_MOST_FRAMES = 64  # more return addresses than any chain of proxies has; bounds what a hostile peer can pile up


def encode(message: str) -> bytes:
    """Return *message* as UTF-8; ``TypeError`` when it is no ``str``, ``ValueError`` when it has no such form."""
    if not isinstance(message, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"message is of type {type(message).__name__}, expected str")
    return message.encode()


def decode(frames: list[zmq.Frame]) -> str:
    """Take the last of *frames* and return its text; ``UnicodeDecodeError`` when it is not UTF-8."""
    frame = frames.pop()
    if len(frame) < _LARGE:
        return str(frame.buffer, "utf-8")
    data = frame.bytes
    del frame
    return data.decode()


def read(socket: zmq.Socket[bytes], first: zmq.Frame) -> list[zmq.Frame]:
    """Return the frames of the message that begins with *first*, or ``[]`` when there are too many."""
    frames = [first]
    frame = first
    try:
        while frame.more:
            frame = socket.recv(zmq.DONTWAIT, copy=False)
            if len(frames) <= _MOST_FRAMES:
                frames.append(frame)
    except BaseException:  # Ctrl-C between two frames: the rest must not pass for the next message
        while socket.get(zmq.RCVMORE):
            socket.recv(zmq.DONTWAIT)
        raise
    return frames if len(frames) <= _MOST_FRAMES else []


def write(socket: zmq.Socket[bytes], envelope: Iterable[bytes], data: bytes) -> None:
    """Send *envelope* and *data* as one message without a wait; ``zmq.ZMQError`` when the first frame is refused."""
    frames = iter(envelope)
    try:
        for frame in frames:
            socket.send(frame, _MORE)
        socket.send(data, zmq.DONTWAIT)
    except zmq.ZMQError:
        raise
    except BaseException:  # Ctrl-C between two frames: an unfinished message would swallow the next
        for frame in frames:
            socket.send(frame, _MORE)
        # When the message was whole already, this is one to a peer called *data*, which a ROUTER refuses.
        with contextlib.suppress(zmq.ZMQError):
            socket.send(data, zmq.DONTWAIT)
        raise
