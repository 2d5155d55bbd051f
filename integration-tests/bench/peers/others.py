# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""What a user may pick instead of ZeroMQ sockets: an echo of bytes with each library, as its manual has it."""

import socket
import struct
import threading
from typing import Any

from .calls import Run, load

_LENGTH = struct.Struct("!I")


def serve_tcp(announce: Any) -> None:
    """A length and the message, over a plain TCP connection; a thread for each client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        announce(listener.getsockname())
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def client_tcp(address: list[Any], threads: int = 1) -> Run:
    def connect() -> Any:
        connection = socket.create_connection(tuple(address))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def call(message: bytes) -> bytes:
            connection.sendall(_LENGTH.pack(len(message)) + message)
            reply = _framed(connection)
            assert reply is not None
            return reply

        return call

    return load(connect, threads)


def _echo(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while (message := _framed(connection)) is not None:
        connection.sendall(_LENGTH.pack(len(message)) + message)


def _framed(connection: socket.socket) -> bytes | None:
    data = connection.recv(65536)
    if not data:
        return None
    while len(data) < _LENGTH.size:
        data += connection.recv(65536)
    size = _LENGTH.unpack_from(data)[0] + _LENGTH.size
    if len(data) == size:
        return data[_LENGTH.size :]
    whole = bytearray(size)
    whole[: len(data)] = data
    view, at = memoryview(whole), len(data)
    while at < size:
        at += connection.recv_into(view[at:])
    return bytes(view[_LENGTH.size :])


def serve_pynng(announce: Any) -> None:
    import pynng

    with pynng.Rep0(listen="tcp://127.0.0.1:0", recv_max_size=0) as replier:
        announce(f"tcp://127.0.0.1:{replier.listeners[0].bound_port}" if _knows_port(replier) else _nng_url(replier))
        while True:
            replier.send(replier.recv())


def client_pynng(address: str, threads: int = 1) -> Run:
    import pynng

    def connect() -> Any:
        asker = pynng.Req0(dial=address, block_on_dial=True, recv_timeout=30_000, recv_max_size=0)

        def call(message: bytes) -> bytes:
            asker.send(message)
            return bytes(asker.recv())

        return call

    return load(connect, threads)


def _knows_port(replier: Any) -> bool:
    return hasattr(replier.listeners[0], "bound_port")


def _nng_url(replier: Any) -> str:
    return f"tcp://{replier.listeners[0].local_address}"


def serve_rpyc(announce: Any) -> None:
    import rpyc
    from rpyc.utils.server import ThreadedServer

    class Echo(rpyc.Service):
        def exposed_echo(self, message: bytes) -> bytes:
            return message

    server = ThreadedServer(Echo, hostname="127.0.0.1", port=0)
    announce(server.port)
    server.start()


def client_rpyc(port: int, threads: int = 1) -> Run:
    import rpyc

    return load(lambda: rpyc.connect("127.0.0.1", port).root.echo, threads)


def serve_pyro5(announce: Any) -> None:
    import Pyro5.api

    Pyro5.config.SERIALIZER = "marshal"  # the fastest of those it has

    @Pyro5.api.expose
    class Echo:
        def echo(self, message: bytes) -> bytes:
            return message

    daemon = Pyro5.api.Daemon(host="127.0.0.1")
    announce(str(daemon.register(Echo())))
    daemon.requestLoop()


def client_pyro5(uri: str, threads: int = 1) -> Run:
    import Pyro5.api

    Pyro5.config.SERIALIZER = "marshal"
    proxies = threading.local()

    def call(message: bytes) -> bytes:
        # A proxy belongs to the thread that has made it.
        if not hasattr(proxies, "mine"):
            proxies.mine = Pyro5.api.Proxy(uri)
        return bytes(proxies.mine.echo(message))

    return load(lambda: call, threads, shared=True)


def serve_grpc(announce: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    server = grpc.server(ThreadPoolExecutor(16), options=_grpc_options())
    handler = grpc.unary_unary_rpc_method_handler(lambda message, _: message)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),))
    announce(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    server.wait_for_termination()


def client_grpc(address: str, threads: int = 1) -> Run:
    import grpc

    channel = grpc.insecure_channel(address, options=_grpc_options())
    grpc.channel_ready_future(channel).result(timeout=10)
    echo = channel.unary_unary("/bench.Echo/Echo")
    return load(lambda: lambda message: echo(message, timeout=30), threads, shared=True)


def _grpc_options() -> list[tuple[str, int]]:
    return [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def serve_zerorpc(announce: Any) -> None:
    import zerorpc

    class Echo:
        def echo(self, message: bytes) -> bytes:
            return message

    server = zerorpc.Server(Echo())
    server.bind("tcp://127.0.0.1:0")
    announce(server._events._socket.getsockopt_string(__import__("zmq").LAST_ENDPOINT))
    server.run()


def client_zerorpc(address: str, threads: int = 1) -> Run:
    import zerorpc

    if threads > 1:
        raise RuntimeError("a gevent hub is one thread's")
    asker = zerorpc.Client(address, timeout=30)
    return load(lambda: asker.echo, shared=True)
