"""C, with the system's libzmq, and Node at the other end of ZeroMQ's wire."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq
from tasks import DEADLINE, tasks

from peers.languages import MESSAGES, ask, command, environment
from peers.programs import free_port, running
from transport_base import serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

C = pytest.mark.peer("gcc", "libzmq")
NODE = pytest.mark.peer("node", "node zeromq")

CLIENTS = [pytest.param("zmq_client.c", id="c", marks=C), pytest.param("zmq_client.js", id="node", marks=NODE)]
SERVERS = [pytest.param("zmq_server.c", id="c", marks=C), pytest.param("zmq_server.js", id="node", marks=NODE)]


@pytest.mark.parametrize("source", CLIENTS)
def test_a_client_gets_its_replies(source: str) -> None:
    command(source)  # compiled before the server is open
    with (
        zmq.Context() as context,
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        tasks(server.close) as running_tasks,
        ThreadPoolExecutor(4) as pool,
    ):
        running_tasks.start(serve, server, str.upper, threads=2)
        for message in MESSAGES:
            assert ask(source, server.endpoint, message, 5) == message.upper()
        clients = [pool.submit(ask, source, server.endpoint, f"client {number}", 200) for number in range(4)]
        assert [client.result() for client in clients] == [f"CLIENT {number}" for number in range(4)]


@pytest.mark.parametrize("source", SERVERS)
def test_a_server_answers(source: str) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with (
        running(*command(source), endpoint, environment=environment()) as program,
        zmq.Context() as context,
        ZmqClientTransport.create(context, endpoint, DEADLINE) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        program.until_written("ready")
        for message in MESSAGES:
            assert client.send_message(message) == message
        client.send_message("one way", expect_reply=False)
        messages = [f"message {number}" for number in range(200)]
        assert list(pool.map(client.send_message, messages)) == messages


@pytest.mark.parametrize("source", CLIENTS)
@pytest.mark.peer("gcc", "libzmq")
def test_clients_and_workers_meet_at_a_proxy_in_c(source: str) -> None:
    command(source)
    front, back = f"tcp://127.0.0.1:{free_port()}", f"tcp://127.0.0.1:{free_port()}"
    with running(*command("zmq_proxy.c"), front, back) as program, zmq.Context() as context:
        program.until_written("ready")
        workers = [ZmqServerTransport.create(context, back, bind=False) for _ in range(3)]
        handled_by: set[int] = set()

        def handle(message: str) -> str:
            handled_by.add(threading.get_ident())
            return message.upper()

        with tasks(*(worker.close for worker in workers)) as running_tasks:
            for worker in workers:
                running_tasks.start(serve, worker, handle)
            with ZmqClientTransport.create(context, front, DEADLINE) as client:
                for message in MESSAGES:
                    assert client.send_message(message) == message.upper()
            assert ask(source, front, "hello", 60) == "HELLO"
        assert len(handled_by) == 3
