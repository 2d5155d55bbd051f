"""Messages as frames: the last one is the text in UTF-8, byte for byte; those before it are the envelope."""

import contextlib
from collections.abc import Iterable

import zmq

_DONTWAIT = int(zmq.DONTWAIT)
_MORE = int(zmq.DONTWAIT | zmq.SNDMORE)

# More than the return addresses of any chain of proxies take; bounds what a peer can have a server keep.
_LARGEST_ENVELOPE = 64 * 1024

# From here on, one copy into bytes with the frame let go beats decoding in place: with frame, text and the bytes
# of the last message alive at once, the allocator gives memory back and takes it anew each time.
_LARGE = 200_000


def encode(message: str) -> bytes:
    """Return *message* as UTF-8; ``TypeError`` when it is no ``str``, ``ValueError`` when it has no such form."""
    if not isinstance(message, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"message is of type {type(message).__name__}, expected str")
    return message.encode()


def decode(frame: zmq.Frame) -> str:
    """Return the text of *frame*; ``UnicodeDecodeError`` when it is not UTF-8."""
    if len(frame) < _LARGE:
        return str(frame.buffer, "utf-8")
    data = frame.bytes
    del frame
    return data.decode()


def read(socket: zmq.Socket[bytes], frame: zmq.Frame) -> tuple[list[bytes], zmq.Frame]:
    """Return the envelope that begins with *frame*, empty when it is too large, and the frame behind it."""
    envelope: list[bytes] = []
    size = 0
    while frame.more:
        size += 1 + len(frame)  # so that empty frames count as well
        if size <= _LARGEST_ENVELOPE:
            envelope.append(frame.bytes)
        frame = socket.recv(_DONTWAIT, False)
    return ([] if size > _LARGEST_ENVELOPE else envelope), frame


def drop_rest(socket: zmq.Socket[bytes]) -> None:
    """Throw away what is left of a message whose reading was broken off: it must not pass for the next one."""
    with contextlib.suppress(zmq.ZMQError):
        while socket.get(zmq.RCVMORE):
            socket.recv(_DONTWAIT)


def write(socket: zmq.Socket[bytes], envelope: Iterable[bytes], data: bytes) -> None:
    """Send *envelope* and *data* as one message without a wait; ``zmq.ZMQError`` when the first frame is refused."""
    frames = iter(envelope)
    send = socket.send
    try:
        for frame in frames:
            send(frame, _MORE)
        send(data, _DONTWAIT)
    except zmq.ZMQError:
        raise
    except BaseException:  # Ctrl-C between two frames: an unfinished message would swallow the next
        for frame in frames:
            send(frame, _MORE)
        # When the message was whole already, this is one to a peer called *data*, which a ROUTER refuses.
        with contextlib.suppress(zmq.ZMQError):
            send(data, _DONTWAIT)
        raise
