"""Opening sockets, and checking those that a caller brings."""

import errno
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import zmq

from transport_base import TransportClosedError, TransportError

from . import _fork
from ._endpoint import attach, check_endpoint
from ._own_socket import OwnSocket, own_socket_class

# A mapping is exact about the type of its keys, and zmq's own names for options have a type of their own. A union of
# the two mappings would do for a variable, but not for mypy when values of several types are written in the call.
OptionT = TypeVar("OptionT", bound=int)
SocketOptions = Mapping[OptionT, int | bytes | str]

# What a peer may send in one message unless the caller says otherwise: a bound for memory, not a target.
DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024

# How long libzmq may go on sending what was handed to it before close(), in milliseconds (ZMQ_LINGER).
LINGER = 5_000

# What libzmq says once the context was terminated, or the socket closed.
_CLOSED = {zmq.ETERM, zmq.ENOTSOCK}


def with_defaults(
    options: SocketOptions[OptionT] | None, defaults: Mapping[zmq.SocketOption, int | bytes | str]
) -> dict[int, int | bytes | str]:
    """Return *options* and, where they say nothing, *defaults*; ``TypeError`` when they are not a mapping."""
    if options is not None and not isinstance(options, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"socket_options is of type {_type_name(options)}, expected a mapping, or None")
    return {option: value for mapping in (defaults, options or {}) for option, value in mapping.items()}


def check_size(max_message_bytes: int | None) -> int:
    """Return *max_message_bytes* as ZMQ_MAXMSGSIZE has it; ``TypeError`` or ``ValueError`` unless it is a size."""
    if max_message_bytes is None:
        return -1
    if isinstance(max_message_bytes, bool) or not isinstance(max_message_bytes, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"max_message_bytes is of type {_type_name(max_message_bytes)}, expected an int, or None")
    if not 0 <= max_message_bytes < 2**63:  # what libzmq's int64_t holds
        raise ValueError(f"max_message_bytes is {max_message_bytes}, expected 0 to {2**63 - 1}, or None for no bound")
    return max_message_bytes


def check_socket(socket: zmq.Socket[bytes], wanted: zmq.SocketType) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless *socket* is an open, synchronous socket of the type *wanted*."""
    if not isinstance(socket, zmq.Socket) or _is_async(socket, "Socket"):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"socket is of type {_type_name(socket)}, expected zmq.Socket or zmq.green.Socket")
    if socket.closed:
        raise ValueError(f"socket is closed, expected an open {wanted.name} socket")
    if socket.type != wanted:
        raise ValueError(f"socket is of type {zmq.SocketType(int(socket.type)).name}, expected {wanted.name}")
    _fork.check_context(socket.context)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # pyzmq's


def open_socket(
    context: zmq.Context[Any],
    socket_type: zmq.SocketType,
    endpoint: str,
    *,
    bind: bool,
    options: Mapping[int, int | bytes | str],
    prepare: Callable[[OwnSocket], object] | None = None,
) -> OwnSocket:
    """
    Return a new socket with *options* set, then given to *prepare*, then bound or connected to *endpoint*.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: libzmq does not know an option, or its value, or the form of the endpoint.
        TransportConnectionError: the endpoint is unavailable, for example because its port is in use.
        TransportClosedError: *context* was terminated.
        TransportError: *context* was made before a fork, or a limit of the system, or of the context, is reached.
    """
    if not isinstance(context, zmq.Context) or _is_async(context, "Context"):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"zmq_context is of type {_type_name(context)}, expected zmq.Context or zmq.green.Context")
    check_endpoint(endpoint)
    _fork.check_context(context)
    if context.closed:
        raise TransportClosedError("zmq_context was terminated, expected one in use")
    try:
        socket: OwnSocket = context.socket(socket_type, socket_class=own_socket_class(context))
    except zmq.ZMQError as exc:
        if context.closed:  # terminated just now: pyzmq says ENOTSUP
            raise TransportClosedError("zmq_context was terminated while opening a socket") from exc
        raise translated(exc, "opening a socket") from exc
    try:
        # Until it is ready, nobody else closes it: zmq.Context.destroy() in another thread leaves that to its end.
        socket.closer = _leave_open
        for option, value in options.items():
            _set_option(socket, option, value)
        if prepare is not None:
            prepare(socket)
        attach(socket, endpoint, bind=bind)
        socket.closer = None
    except zmq.ZMQError as exc:
        socket.close_in_turn(0)
        raise translated(exc, f"opening a socket for {endpoint}") from exc
    except BaseException:
        socket.close_in_turn(0)
        raise
    return socket


def endpoint_of(socket: zmq.Socket[bytes]) -> str:
    """Return where *socket* was last bound or connected; empty when it is neither."""
    return socket.get_string(zmq.LAST_ENDPOINT)


def translated(exc: zmq.ZMQError, doing: str) -> TransportError:
    """Return the error of ours for *exc*, which libzmq gave while *doing* something."""
    if exc.errno in _CLOSED:
        return TransportClosedError(f"the socket or its zmq.Context was closed while {doing}")
    if exc.errno in {errno.EMFILE, errno.ENFILE}:
        return TransportError(f"out of {_what_ran_out()} while {doing}")
    return TransportError(f"libzmq failed while {doing}: {exc}")


def _what_ran_out() -> str:
    # libzmq has one error for both.
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return (
            "file descriptors, of which each socket takes one or more, expected a limit that suits the calls at once; "
            "raise it with 'ulimit -n' or resource.setrlimit(resource.RLIMIT_NOFILE, …)"
        )
    return (
        "sockets of the zmq.Context, of which each call at once takes one, expected ZMQ_MAX_SOCKETS (1023 by default) "
        "to suit the calls at once; raise it with zmq_context.set(zmq.MAX_SOCKETS, …) before its first socket"
    )


def _leave_open() -> None:
    """Do nothing, as the ``closer`` of a socket that is not ready yet."""


def _set_option(socket: zmq.Socket[bytes], option: int, value: int | bytes | str) -> None:
    if not isinstance(option, int) or not isinstance(value, int | bytes | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(
            f"socket option {option!r} is given a {_type_name(value)}, expected an int key with an int, bytes or str"
        )
    try:
        socket.set(option, value.encode() if isinstance(value, str) else value)
    except (zmq.ZMQError, TypeError, OverflowError) as exc:
        if isinstance(exc, zmq.ZMQError) and exc.errno in _CLOSED:
            raise
        # The value may be a key: it stays out of the message.
        reason = exc.strerror if isinstance(exc, zmq.ZMQError) else type(exc).__name__
        raise ValueError(
            f"socket option {_option_name(option)} was refused ({reason}), "
            "expected an option and a value that libzmq knows for this socket"
        ) from None


def _is_async(thing: object, name: str) -> bool:
    # Not imported for the sake of a check: it brings all of asyncio.
    module = sys.modules.get("zmq.asyncio")
    return module is not None and isinstance(thing, getattr(module, name))


def _option_name(option: int) -> str:
    try:
        return zmq.SocketOption(option).name
    except ValueError:
        return str(option)


def _type_name(thing: object) -> str:
    kind = type(thing)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
