"""Read by type checkers, never run: what conforms, and what must not."""

from typing import Literal, overload

from transport_base import (
    ClientTransport,
    DroppingServerTransport,
    OneWayClientTransport,
    ServerTransport,
    TransportError,
    serve,
)


class Server:
    def receive_message(self, timeout: float | None = None) -> tuple[int, str]:
        return 1, "x"

    def send_reply(self, context: int, reply: str) -> None: ...


class FullServer(Server):
    def drop(self, context: int) -> None: ...
    def close(self, drain: float = 0) -> None: ...


class BytesServer:
    def receive_message(self) -> tuple[int, bytes]:
        return 1, b"x"

    def send_reply(self, context: int, reply: bytes) -> None: ...


class Client:
    def send_message(self, message: str) -> str:
        return message


class OneWayClient:
    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...
    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...
    @overload
    def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...
    def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        return message if expect_reply else None


def a_server_conforms_by_its_methods(server: Server) -> ServerTransport[int]:
    return server


def a_client_conforms_by_its_method(client: Client) -> ClientTransport:
    return client


def a_one_way_client_is_a_client(client: OneWayClientTransport) -> ClientTransport:
    return client


def a_one_way_client_conforms_by_its_overloads(client: OneWayClient) -> OneWayClientTransport:
    return client


def replies_are_as_expected(client: OneWayClientTransport, flag: bool) -> tuple[str, str | None]:
    client.send_message("x", expect_reply=False)
    return client.send_message("x"), client.send_message("x", expect_reply=flag)


def a_server_that_drops_conforms(server: FullServer) -> DroppingServerTransport[int]:
    return server


def a_server_that_drops_is_a_server(server: DroppingServerTransport[int]) -> ServerTransport[int]:
    return server


def any_server_is_served(server: Server) -> None:
    serve(server, str.upper)
    serve(server, str.upper, threads=1)


def a_notification(message: str) -> str | None:
    return None


def failed(message: str, exception: Exception) -> str:
    return f"{message} {exception}"


def failed_with_bytes(message: str, exception: Exception) -> bytes:
    return message.encode()


def a_server_that_closes_is_served_by_several_threads(server: FullServer, threads: int) -> None:
    serve(server, str.upper, threads=8)
    serve(server, a_notification, threads=threads, on_error=failed)


def several_threads_need_a_close(server: Server) -> None:
    serve(server, str.upper, threads=8)  # type: ignore[call-overload]


def an_error_reply_that_is_no_text(server: Server) -> None:
    serve(server, str.upper, on_error=failed_with_bytes)  # type: ignore[arg-type]


def a_server_that_does_not_drop(server: Server) -> DroppingServerTransport[int]:
    return server  # type: ignore[return-value]


def the_context_has_another_type(server: Server) -> ServerTransport[str]:
    return server  # type: ignore[return-value]


def messages_are_not_bytes(server: BytesServer) -> ServerTransport[int]:
    return server  # type: ignore[return-value]


def a_client_without_one_way(client: Client) -> OneWayClientTransport:
    return client  # type: ignore[return-value]


def a_message_that_is_no_text(client: ClientTransport) -> None:
    client.send_message(b"x")  # type: ignore[arg-type]


def a_reply_that_never_comes(client: OneWayClientTransport) -> str:
    return client.send_message("x", expect_reply=False)  # type: ignore[return-value]


def a_client_is_not_served(client: Client) -> None:
    serve(client, str.upper)  # type: ignore[call-overload]


def a_handler_of_bytes(server: Server, handler: type[bytes]) -> None:
    serve(server, handler)  # type: ignore[arg-type]


def a_root_that_is_too_wide(error: Exception) -> TransportError:
    return error  # type: ignore[return-value]
