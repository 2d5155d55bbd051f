"""Greenlets: what waits blocks one of them and never the hub, with monkey-patching and without."""

import http.client
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("gevent")

SERVER = """
import gevent, gevent.pool, gevent.queue, gevent.pywsgi, gevent.socket
from transport_base import TransportClosedError, TransportTimeoutError, serve
from transport_wsgi import WsgiServerTransport

transport = WsgiServerTransport(queue_class=gevent.queue.Queue, reply_timeout=30, max_pending=100)

def handler(message):
    # Were the hub blocked by anything that waits here, no other request would ever be served.
    gevent.sleep(0.01)
    if message == "raise":
        raise RuntimeError
    if message == "close":
        transport.close()
    return message

for timeout in (0, 0.01):
    try:
        transport.receive_message(timeout=timeout)
    except TransportTimeoutError:
        continue
    raise SystemExit("no message was sent yet")

loops = [gevent.spawn(serve, transport, handler) for _ in range(4)]
server = gevent.pywsgi.WSGIServer(("127.0.0.1", 0), transport, log=None, spawn=gevent.pool.Pool(100))
server.start()
print(server.server_port, flush=True)
gevent.joinall(loops, raise_error=True)
with gevent.Timeout(20):
    server.stop()
try:
    transport.receive_message()
except TransportClosedError:
    print("closed", flush=True)
"""


def post(port: int, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("", id="unpatched"),
        pytest.param("from gevent import monkey; monkey.patch_all()", id="patched"),
    ],
)
def test_a_pywsgi_server_serves_receives_and_closes_in_one_thread(tmp_path: Path, first: str) -> None:
    script = tmp_path / "server.py"
    script.write_text(f"{first}\n{SERVER}")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.strip().isdigit(), process.communicate(timeout=10)
        port = int(line)
        with ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(post, port, str(number).encode()) for number in range(64)]
            assert [answer.result(60) for answer in answers] == [(200, str(number).encode()) for number in range(64)]
        assert post(port, b"\xff")[0] == 400
        assert post(port, b"raise")[0] == 500
        assert post(port, b"close")[0] == 503
        output, errors = process.communicate(timeout=30)
        assert output == "closed\n", errors
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate(timeout=10)
