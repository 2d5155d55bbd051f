"""Read by type checkers, never run: what is right has no complaint, what is wrong is one."""

import queue

import gevent.queue

from transport_base import ClientTransport, DroppingServerTransport, ServerTransport, serve
from transport_wsgi import PendingReply, WsgiServerTransport


def conforms(server: WsgiServerTransport) -> ServerTransport[PendingReply]:
    return server


def drops(server: WsgiServerTransport) -> DroppingServerTransport[PendingReply]:
    server.drop(server.receive_message()[0])
    server.close(drain=2.5)
    return server


def receives_and_answers(server: WsgiServerTransport) -> None:
    context, message = server.receive_message(timeout=1.5)
    server.send_reply(context, message.upper())
    serve(server, str.upper)
    serve(server, str.upper, threads=4)


def is_closed_by_with() -> None:
    with WsgiServerTransport(reply_timeout=None) as server:
        server.receive_message()


def takes_every_kind_of_queue() -> None:
    WsgiServerTransport(queue_class=queue.SimpleQueue)
    WsgiServerTransport(queue_class=gevent.queue.Queue)
    WsgiServerTransport(queue_class=gevent.queue.SimpleQueue)


def takes_origins() -> None:
    WsgiServerTransport(allow_origin="*")
    WsgiServerTransport(allow_origin={"https://example.com"}, allow_headers=["Authorization"])


def a_foreign_context(server: WsgiServerTransport) -> None:
    server.send_reply(42, "no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_reply_of_bytes(server: WsgiServerTransport) -> None:
    context, message = server.receive_message()
    server.send_reply(context, message.encode())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def no_reply(server: WsgiServerTransport) -> None:
    context, _ = server.receive_message()
    server.send_reply(context, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def no_queue() -> None:
    WsgiServerTransport(queue_class=list)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    WsgiServerTransport(queue_class=int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    WsgiServerTransport(queue_class=queue.SimpleQueue())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_misspelt_option() -> None:
    WsgiServerTransport(max_length=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_wrong_option() -> None:
    WsgiServerTransport(reply_timeout="60")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def options_by_position() -> None:
    WsgiServerTransport(1024)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_server_for_a_client(server: WsgiServerTransport) -> ClientTransport:
    return server  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def a_server_of_other_contexts(server: WsgiServerTransport) -> ServerTransport[bytes]:
    return server  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def a_handler_of_bytes(server: WsgiServerTransport) -> None:
    def handler(message: bytes) -> bytes:
        return message

    serve(server, handler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
