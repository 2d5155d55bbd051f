"""Binding and connecting, with errors for what libzmq would pass over in silence."""

import errno
import socket as sockets
import stat
from pathlib import Path

import zmq

from transport_base import TransportConnectionError

_MALFORMED = {errno.EINVAL, errno.EPROTONOSUPPORT, errno.ENAMETOOLONG, zmq.ENOCOMPATPROTO}
_HIGHEST_PORT = 65_535


def check_endpoint(endpoint: str) -> None:
    """Raise ``TypeError`` or ``ValueError`` when *endpoint* is not one, or libzmq would take it for another one."""
    if not isinstance(endpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"endpoint is of type {type(endpoint).__name__}, expected str")
    if "\0" in endpoint:  # where libzmq stops reading
        raise ValueError(f"endpoint {endpoint!r} has a NUL character, expected none")
    port = endpoint.rpartition(":")[2]
    if endpoint.startswith("tcp:") and port.isdecimal() and int(port) > _HIGHEST_PORT:
        # libzmq takes it modulo 65536.
        raise ValueError(f"endpoint {endpoint!r} has port {port}, expected at most {_HIGHEST_PORT}")


def attach(socket: zmq.Socket[bytes], endpoint: str, *, bind: bool) -> None:
    """
    Bind or connect *socket*, whose options are set, to *endpoint*.

    Raises:
        zmq.ZMQError: the context was terminated, or a limit of the system or of libzmq is reached.
        ValueError: *endpoint* is malformed, or IPv6 without ZMQ_IPV6.
        TransportConnectionError: *endpoint* is unavailable, for example because its port is in use.
    """
    if _has_ipv6_literal(endpoint) and not socket.get(zmq.IPV6):
        # connect() would try in silence, for ever; bind() speaks of a device that is missing.
        raise ValueError(
            f"endpoint {endpoint!r} is an IPv6 address, which libzmq takes only with the option ZMQ_IPV6, "
            "expected socket_options={zmq.IPV6: 1}"
        )
    if bind:
        _check_free(endpoint)
    try:
        if bind:
            socket.bind(endpoint)
        else:
            socket.connect(endpoint)
    except zmq.ZMQError as exc:
        if exc.errno in _MALFORMED:
            raise ValueError(
                f"endpoint {endpoint!r} is not understood by libzmq ({exc.strerror}), "
                "expected one like 'tcp://127.0.0.1:5555', 'ipc:///path' or 'inproc://name'"
            ) from exc
        if exc.errno in {zmq.ETERM, errno.EMFILE}:
            raise
        raise TransportConnectionError(
            f"cannot {'bind' if bind else 'connect'} to {endpoint!r} ({exc.strerror}), "
            f"expected {'a free local address' if bind else 'an address that exists'}"
        ) from exc


def _has_ipv6_literal(endpoint: str) -> bool:
    scheme, _, address = endpoint.partition("://")
    # Connecting may name a source address first, with a semicolon behind it.
    return scheme == "tcp" and ":" in address.rpartition(";")[2].rpartition(":")[0]


def _check_free(endpoint: str) -> None:
    """Raise unless the path of an ipc *endpoint* is free; libzmq would delete what is there, and bind in its place."""
    scheme, _, path = endpoint.partition("://")
    if scheme != "ipc" or path.startswith(("*", "@")):  # a new name of libzmq's own; one that is not a file (Linux)
        return
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):  # nothing there, or libzmq tells what is wrong with it
        return
    if not stat.S_ISSOCK(mode):
        raise TransportConnectionError(
            f"cannot bind to {endpoint!r} (a file that is not a socket is there), expected a free path"
        )
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a server whose backlog is full is a server, too
        code = probe.connect_ex(path)
    if code not in {errno.ECONNREFUSED, errno.ENOENT}:  # a socket file that its server has left behind; gone by now
        raise TransportConnectionError(
            f"cannot bind to {endpoint!r} (a server answers there already), expected a free path"
        )
