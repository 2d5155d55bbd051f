"""RPC libraries over both wires: calls, errors, batches, notifications, and many calls at once."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest
import zmq
from interfaces import Client, Server
from tasks import DEADLINE, tasks
from web_servers import waitress_server

from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport

THREADS = 4


@pytest.fixture(params=["zmq", "http"])
def wire(request: pytest.FixtureRequest) -> Generator[tuple[Server[Any], Client]]:
    with ExitStack() as opened:
        if request.param == "zmq":
            context = opened.enter_context(zmq.Context())
            listening = opened.enter_context(ZmqServerTransport.create(context, "tcp://127.0.0.1:*"))
            client = opened.enter_context(ZmqClientTransport.create(context, listening.endpoint, DEADLINE))
            yield listening, client
        else:
            application = WsgiServerTransport()
            url = opened.enter_context(waitress_server(application))
            opened.enter_context(application)
            yield application, opened.enter_context(HttpPostClientTransport(url, timeout=DEADLINE))


class Layer:
    """The example of one library, served in several threads, with a client."""

    def __init__(self, module: ModuleType, client: Client) -> None:
        self.notes: list[str] = module.notes
        self._module = module
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._module, name)
        return lambda *args, **kwargs: function(self._client, *args, **kwargs)

    def until_noted(self, text: str) -> None:
        """Call until a notification has arrived, as it has no reply."""
        pause = threading.Event()
        for _ in range(int(DEADLINE / 0.01)):
            if text in self.notes:
                return
            pause.wait(0.01)
        raise AssertionError(f"{text} did not arrive")


@pytest.fixture
def layer(request: pytest.FixtureRequest, wire: tuple[Server[Any], Client]) -> Generator[Layer]:
    server, client = wire
    module = pytest.importorskip(request.param)
    with tasks(server.close) as running:
        for _ in range(THREADS):
            running.start(module.run, server)
        yield Layer(module, client)


def layers(*names: str) -> pytest.MarkDecorator:
    peers = {
        "rpc_jsonrpcserver": ("jsonrpcserver", "jsonrpcclient"),
        "rpc_pjrpc": ("pjrpc",),
        "rpc_tinyrpc": ("tinyrpc",),
        "rpc_lsp_jsonrpc": ("python-lsp-jsonrpc",),
        "rpc_msgspec": ("msgspec",),
    }
    cases = [pytest.param(name, id=name.removeprefix("rpc_"), marks=pytest.mark.peer(*peers[name])) for name in names]
    return pytest.mark.parametrize("layer", cases, indirect=True)


def at_once(function: Callable[[int], object]) -> list[object]:
    """Call *function* with 0 to 199, from 16 threads; return the results in that order."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(function, range(200)))


json_rpc = layers("rpc_jsonrpcserver", "rpc_pjrpc", "rpc_tinyrpc")


@json_rpc
def test_calls_get_their_results(layer: Layer) -> None:
    assert [layer.call("add", number, 1) for number in range(5)] == [1, 2, 3, 4, 5]


@json_rpc
def test_a_method_that_fails_and_one_that_does_not_exist_are_errors_and_the_next_call_works(layer: Layer) -> None:
    with pytest.raises(Exception, match="out of luck"):
        layer.call("fail")
    with pytest.raises(Exception, match=r"(?i)method.*not.?found|-32601"):
        layer.call("missing")
    assert layer.call("add", 1, 2) == 3


@json_rpc
def test_a_batch_is_one_message(layer: Layer) -> None:
    assert layer.call_all(("add", [1, 2]), ("add", [3, 4]), ("add", [5, 6])) == [3, 7, 11]


@json_rpc
def test_a_notification_arrives_and_disturbs_no_call(layer: Layer) -> None:
    layer.notify("note", f"noted {id(layer)}")
    assert layer.call("add", 1, 2) == 3
    layer.until_noted(f"noted {id(layer)}")


@json_rpc
def test_many_calls_at_once_get_their_own_results(layer: Layer) -> None:
    def double(number: int) -> object:
        return layer.call("add", number, number)

    assert at_once(double) == [*range(0, 400, 2)]


@layers("rpc_lsp_jsonrpc")
def test_python_lsp_jsonrpc(layer: Layer) -> None:
    assert layer.call("add", a=1, b=2) == 3
    with pytest.raises(Exception, match="out of luck"):
        layer.call("fail")
    with pytest.raises(Exception, match="Method Not Found"):
        layer.call("missing")
    assert layer.call_all(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})) == [3, 7]
    layer.notify("note", text=f"noted {id(layer)}")

    def double(number: int) -> object:
        return layer.call("add", a=number, b=number)

    assert at_once(double) == [*range(0, 400, 2)]
    layer.until_noted(f"noted {id(layer)}")


@layers("rpc_msgspec")
def test_msgspec(layer: Layer) -> None:
    messages: Any = pytest.importorskip("rpc_msgspec")
    assert layer.call(messages.Add(1, 2)) == messages.Sum(3)
    assert layer.call(messages.Fail()) == messages.Failed("out of luck")
    assert isinstance(layer.call(messages.Add("one", 2)), messages.Failed)
    assert layer.call_all(messages.Add(1, 2), messages.Fail()) == [messages.Sum(3), messages.Failed("out of luck")]
    layer.notify(messages.Note(f"noted {id(layer)}"))

    def double(number: int) -> object:
        return layer.call(messages.Add(number, number))

    assert at_once(double) == [messages.Sum(number) for number in range(0, 400, 2)]
    layer.until_noted(f"noted {id(layer)}")
