"""Read by type checkers, never run: how the transports are used, and how they must not be."""

import zmq
import zmq.green

from transport_base import ClientTransport, DroppingServerTransport, OneWayClientTransport, ServerTransport, serve
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport


def the_server_conforms(server: ZmqServerTransport) -> ServerTransport[Envelope]:
    return server


def the_client_conforms(client: ZmqClientTransport) -> tuple[ClientTransport, OneWayClientTransport]:
    return client, client


def contexts_of_both_kinds_are_taken(plain: zmq.Context[zmq.Socket[bytes]]) -> None:
    ZmqServerTransport.create(plain, "tcp://127.0.0.1:*", bind=False, socket_options={zmq.LINGER: 0})
    ZmqClientTransport.create(
        zmq.green.Context(), "tcp://127.0.0.1:5555", 1.5, socket_options={zmq.CURVE_SERVERKEY: b"key"}
    )


def options_may_be_made_beforehand(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    options = {zmq.LINGER: 0, zmq.SNDHWM: 5}
    ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options=options)


def the_options_of_curve_may_be_written_in_the_call(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    ZmqServerTransport.create(
        context, "tcp://127.0.0.1:*", socket_options={zmq.CURVE_SERVER: 1, zmq.CURVE_SECRETKEY: b"key"}
    )
    ZmqClientTransport.create(
        context,
        "tcp://127.0.0.1:5555",
        socket_options={zmq.CURVE_SERVERKEY: b"key", zmq.PLAIN_USERNAME: "name", zmq.IPV6: 1},
    )


def options_may_have_plain_numbers(context: zmq.Context[zmq.Socket[bytes]], more: dict[int, int | bytes]) -> None:
    ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={47: 1, zmq.CURVE_SECRETKEY: b"key"})
    ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", socket_options=more)


def a_call_with_a_time_of_its_own(client: ZmqClientTransport) -> tuple[str, str]:
    client.send_message("x", expect_reply=False, timeout=None)
    return client.send_message("x", timeout=1.5), client.send_message("x", timeout=...)


def a_message_may_be_dropped(server: ZmqServerTransport) -> DroppingServerTransport[Envelope]:
    server.drop(server.receive_message()[0])
    server.close(drain=5)
    return server


def the_server_is_served(server: ZmqServerTransport) -> None:
    with server as same:
        serve(same, str.upper)


def replies_are_as_expected(client: ZmqClientTransport, flag: bool) -> tuple[str, str | None]:
    client.send_message("x", expect_reply=False)
    return client.send_message("x"), client.send_message("x", expect_reply=flag)


def a_context_goes_back_as_it_came(server: ZmqServerTransport) -> None:
    envelope, message = server.receive_message(timeout=1)
    server.send_reply(envelope, message)


class Envelopes:
    """Of somebody else."""


def a_foreign_context(server: ZmqServerTransport, foreign: Envelopes) -> None:
    server.send_reply(foreign, "no")  # type: ignore[arg-type]


def a_reply_of_bytes(server: ZmqServerTransport, envelope: Envelope) -> None:
    server.send_reply(envelope, b"no")  # type: ignore[arg-type]


def a_message_of_bytes(client: ZmqClientTransport) -> None:
    client.send_message(b"no")  # type: ignore[call-overload]


def a_reply_that_never_comes(client: ZmqClientTransport) -> str:
    return client.send_message("x", expect_reply=False)  # type: ignore[return-value]


def a_time_that_is_no_number(client: ZmqClientTransport) -> None:
    client.send_message("x", timeout="1")  # type: ignore[call-overload]


def a_misspelt_option(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", time_out=1)  # type: ignore[call-arg]


def an_endpoint_in_place_of_a_socket() -> None:
    ZmqServerTransport("tcp://127.0.0.1:5555")  # type: ignore[arg-type]


def options_by_name(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={"LINGER": 0})  # type: ignore[type-var]


def an_option_with_a_value_of_the_wrong_type(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={zmq.LINGER: 0.5})  # type: ignore[dict-item]
    ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={zmq.LINGER: 1, zmq.SNDHWM: None})  # type: ignore[dict-item]
    ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", socket_options={zmq.CURVE_SERVERKEY: ["key"]})  # type: ignore[dict-item]


def a_server_where_a_client_is_wanted(server: ZmqServerTransport) -> ClientTransport:
    return server  # type: ignore[return-value]


def a_client_where_a_server_is_wanted(client: ZmqClientTransport) -> None:
    serve(client, str.upper)  # type: ignore[call-overload]
