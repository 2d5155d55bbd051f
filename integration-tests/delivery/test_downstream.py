"""Somebody else's typed project, on the installed wheels: what is right passes, what is wrong does not."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .artefacts import DISTRIBUTIONS, ROOT, output_of, package_of
from .checkers import COMMANDS, errors_of
from .venv import Venv

DOWNSTREAM = ROOT / "integration-tests" / "downstream"


@dataclass(frozen=True)
class Misuse:
    """A line of code that is a mistake, and the checkers that can't see it."""

    name: str
    code: str
    unseen_by: frozenset[str] = frozenset()


# What the lines below have at hand.
GIVEN = """\
import queue

import requests
import zmq
from transport_base import ClientTransport, OneWayClientTransport, ServerTransport, serve
from transport_http import HttpPostClientTransport
from transport_wsgi import PendingReply, WsgiServerTransport
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport

from .rpc import Caller


def wants_client(client: ClientTransport) -> None: ...
def wants_one_way_client(client: OneWayClientTransport) -> None: ...
def wants_zmq_server(server: ServerTransport[Envelope]) -> None: ...


class PlainClient:
    def send_message(self, message: str) -> str:
        return message


def misuses(
    context: zmq.Context[zmq.Socket[bytes]],
    zmq_server: ZmqServerTransport,
    zmq_client: ZmqClientTransport,
    http_client: HttpPostClientTransport,
    wsgi_server: WsgiServerTransport,
    any_client: OneWayClientTransport,
    any_server: ServerTransport[Envelope],
    envelope: Envelope,
    pending: PendingReply,
) -> None:
"""

# The options are a TypedDict, which is open to other keys as long as PEP 728's closed=True is not in every Python here.
# ty alone takes that to hold for Unpack as well, by intention: https://github.com/astral-sh/ty/issues/4212
OPEN_OPTIONS = frozenset({"ty"})

MISUSES = [
    Misuse("message-bytes-zmq", 'zmq_client.send_message(b"hello")'),
    Misuse("message-bytes-http", 'http_client.send_message(b"hello")'),
    Misuse("message-none", "any_client.send_message(None)"),
    Misuse("reply-bytes-zmq", 'zmq_server.send_reply(envelope, b"hello")'),
    Misuse("reply-number-wsgi", "wsgi_server.send_reply(pending, 42)"),
    Misuse("reply-none-any", "any_server.send_reply(envelope, None)"),
    Misuse("foreign-context-zmq", 'zmq_server.send_reply(pending, "hello")'),
    Misuse("foreign-context-wsgi", 'wsgi_server.send_reply(envelope, "hello")'),
    Misuse("foreign-context-any", 'any_server.send_reply(pending, "hello")'),
    Misuse("server-of-another-context", "wants_zmq_server(wsgi_server)"),
    Misuse("no-reply-zmq", 'zmq_client.send_message("hello", expect_reply=False).upper()'),
    Misuse("no-reply-http", 'http_client.send_message("hello", expect_reply=False).upper()'),
    Misuse("no-reply-any", 'text: str = any_client.send_message("hello", expect_reply=False)'),
    Misuse("expect-reply-positional", 'zmq_client.send_message("hello", False)'),
    Misuse("misspelt-timeout-zmq", 'ZmqClientTransport.create(context, "tcp://127.0.0.1:1", timeuot=1.0)'),
    Misuse("misspelt-size-zmq", 'ZmqServerTransport.create(context, "tcp://127.0.0.1:*", max_mesage_bytes=1)'),
    Misuse("misspelt-headers-http", 'HttpPostClientTransport("http://127.0.0.1/", haeders={"A": "b"})', OPEN_OPTIONS),
    Misuse("misspelt-timeout-http", 'HttpPostClientTransport("http://127.0.0.1/", timeuot=1.0)', OPEN_OPTIONS),
    Misuse("misspelt-origin-wsgi", 'WsgiServerTransport(allow_orgin="*")'),
    Misuse("misspelt-receive-timeout", "zmq_server.receive_message(timeuot=1.0)"),
    Misuse("timeout-str", 'ZmqClientTransport.create(context, "tcp://127.0.0.1:1", timeout="1")'),
    Misuse("headers-list-http", 'HttpPostClientTransport("http://127.0.0.1/", headers=[1])'),
    Misuse("session-module-http", 'HttpPostClientTransport("http://127.0.0.1/", session=requests)'),
    Misuse("context-for-socket", "ZmqServerTransport(context)"),
    Misuse("server-for-client-zmq", "wants_client(zmq_server)"),
    Misuse("server-for-client-wsgi", "Caller(wsgi_server)"),
    Misuse("client-for-server", "serve(zmq_client, str.upper)"),
    Misuse("client-that-always-replies", "wants_one_way_client(PlainClient())"),
    Misuse("handler-of-bytes", "serve(zmq_server, bytes.upper)"),
    Misuse("handler-without-parameter", 'serve(wsgi_server, lambda: "hello")'),
    Misuse("handler-of-numbers", "serve(zmq_server, len)"),
    Misuse("handler-of-context-too", "serve(any_server, lambda context, message: message)"),
    Misuse("queue-class-list", "WsgiServerTransport(queue_class=list)"),
    Misuse("queue-class-instance", "WsgiServerTransport(queue_class=queue.Queue())"),
    Misuse("queue-class-str", 'WsgiServerTransport(queue_class="queue.Queue")'),
]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project outside this repository, whose settings it must not find."""
    folder = tmp_path_factory.mktemp("downstream") / "project"
    shutil.copytree(DOWNSTREAM, folder, ignore=shutil.ignore_patterns(".*_cache", "__pycache__"))
    return folder


@pytest.fixture(scope="session")
def line_of() -> dict[str, int]:
    """On which line of ``misuses.py`` each misuse stands."""
    first = GIVEN.count("\n") + 1
    return {misuse.name: first + index for index, misuse in enumerate(MISUSES)}


@pytest.fixture(scope="session", params=list(COMMANDS))
def misuse_errors(
    request: pytest.FixtureRequest, project: Path, everything: Venv, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[tuple[str, int], str]]:
    """A checker, and what it finds in the project with the misuses added."""
    copy = tmp_path_factory.mktemp("misuses") / "project"
    shutil.copytree(project, copy)
    lines = "".join(f"    {misuse.code}\n" for misuse in MISUSES)
    (copy / "src" / "downstream" / "misuses.py").write_text(GIVEN + lines)
    return request.param, errors_of(request.param, copy, everything)


def test_downstream_project_runs_on_the_wheels(project: Path, everything: Venv) -> None:
    """Its calls go over a transport of its own and over each of ours."""
    ran = everything.run("-m", "downstream", PYTHONPATH=str(project / "src"))
    assert ran.splitlines() == [f"{wire}: 6, True, no such procedure" for wire in ("in memory", "zmq", "http")]


@pytest.mark.parametrize("checker", COMMANDS)
def test_downstream_project_is_clean(checker: str, project: Path, everything: Venv) -> None:
    assert errors_of(checker, project, everything) == {}


@pytest.mark.parametrize("misuse", MISUSES, ids=lambda misuse: misuse.name)
def test_misuse_is_an_error(
    misuse: Misuse, misuse_errors: tuple[str, dict[tuple[str, int], str]], line_of: dict[str, int]
) -> None:
    checker, errors = misuse_errors
    assert (("misuses.py", line_of[misuse.name]) in errors) == (checker not in misuse.unseen_by)


def test_only_misuses_are_errors(
    misuse_errors: tuple[str, dict[tuple[str, int], str]], line_of: dict[str, int]
) -> None:
    """So that no misuse is an error for a reason of its surroundings."""
    _, errors = misuse_errors
    lines = {("misuses.py", line) for line in line_of.values()}
    assert {place: error for place, error in errors.items() if place not in lines} == {}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_public_symbol_of_the_installed_package_has_a_known_type(distribution: str, everything: Venv) -> None:
    path = f"{everything.python.parent}{os.pathsep}{os.environ['PATH']}"
    command: list[str | Path] = [sys.executable, "-m", "basedpyright", "--ignoreexternal", "--outputjson"]
    told = output_of([*command, "--verifytypes", package_of(distribution)], env={**os.environ, "PATH": path})
    completeness = json.loads(told)["typeCompleteness"]
    assert completeness["pyTypedPath"].startswith(str(everything.folder))
    assert completeness["completenessScore"] == 1
