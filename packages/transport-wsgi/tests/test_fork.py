"""A transport made before a fork: its receiving loops stayed in the parent."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")

SETUP = """
import io, logging, os, sys, threading
from wsgiref.util import setup_testing_defaults
from transport_base import serve
from transport_wsgi import WsgiServerTransport

logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
transport = WsgiServerTransport(reply_timeout=30)
loop = threading.Thread(target=serve, args=(transport, str.upper), daemon=True)
loop.start()

def ask(body):
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    setup_testing_defaults(environ)
    statuses = []
    content = b"".join(transport(environ, lambda status, headers: statuses.append(status)))
    return statuses[0][:3], content

print(ask(b"in the parent"), flush=True)
"""
IN_CHILD = """
if os.fork() == 0:
    {child}
    sys.stdout.flush()
    os._exit(0)
os.wait()
print(ask(b"still"), flush=True)
"""


def output_of(child: str) -> list[str]:
    # Python 3.12 warns of a fork beside threads, which is what this is about.
    script = SETUP + IN_CHILD.format(child=child)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def test_requests_get_a_503_at_once_and_the_log_says_why() -> None:
    first, error, one, two, last = output_of("print(ask(b'one')); print(ask(b'two'))")
    assert first == "('200', b'IN THE PARENT')"
    assert error.startswith("ERROR the transport was made before a fork and no loop receives in process ")
    assert "preload_app off" in error
    assert one.startswith("('503', b'No loop receives messages in this process")
    assert two == one
    assert last == "('200', b'STILL')"


def test_a_loop_that_is_started_in_the_child_receives_there() -> None:
    child = "threading.Thread(target=serve, args=(transport, str.lower), daemon=True).start()"
    # The thread has to begin receiving first: until then, nobody does.
    child += "\n    while ask(b'TRY')[0] == '503': pass\n    print(ask(b'HELLO'))"
    lines = output_of(child)
    assert lines[0] == "('200', b'IN THE PARENT')"
    assert lines[-2:] == ["('200', b'hello')", "('200', b'STILL')"]


def test_a_transport_closed_in_the_child_is_open_in_the_parent() -> None:
    lines = output_of("transport.close(); print(ask(b'x')[0])")
    assert lines[-1] == "('200', b'STILL')"
    assert lines[-2] == "503"
