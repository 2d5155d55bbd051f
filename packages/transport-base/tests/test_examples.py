"""The examples of transports keep the contract: the one in the README, and the one over a Unix socket."""

import importlib.util
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from memory_transport import MemoryClient, MemoryServer

from transport_base.contract import ALL_PROMISES, Contract, Pair, Promise

FOLDER = Path(__file__).parents[1]
PROMISES: frozenset[Promise] = frozenset({"asyncio", "close", "pickle", "side-by-side", "threads", "timeout"})


def _readme() -> dict[str, Any]:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(# queue_transport.*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "queue_transport"}
    exec(compile(example, "README.md", "exec"), names)
    return names


def _unix_socket() -> Any:
    spec = importlib.util.spec_from_file_location("unix_socket", FOLDER / "examples" / "unix_socket.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestMemory(Contract):
    promises = ALL_PROMISES - {"greenlets"}

    @contextmanager
    def open(self) -> Generator[Pair]:
        with MemoryServer() as server:
            yield Pair(server, lambda timeout: MemoryClient(server, timeout))  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]


class TestReadme(Contract):
    promises = PROMISES
    example = _readme()

    @contextmanager
    def open(self) -> Generator[Pair]:
        server = self.example["QueueServer"]()
        yield Pair(server, lambda timeout: self.example["QueueClient"](server, timeout))
        server.close()


class TestUnixSocket(Contract):
    promises = PROMISES
    example = _unix_socket()

    @contextmanager
    def open(self) -> Generator[Pair]:
        with TemporaryDirectory() as folder:
            path = str(Path(folder, "server"))
            server = self.example.UnixServer(path)
            yield Pair(server, lambda timeout: self.example.UnixClient(path, timeout))
            server.close()
