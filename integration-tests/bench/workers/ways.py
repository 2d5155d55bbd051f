"""The ways to put workers behind one address: each starts its processes and yields its address and the workers."""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from peers.balancers import haproxy, nginx
from peers.programs import ROOT, Program, free_port, python_path, running
from peers.versions import version

ZMQ_EXAMPLES = ROOT / "packages" / "transport-zmq" / "examples"
WSGI_EXAMPLES = ROOT / "packages" / "transport-wsgi" / "examples"
_HANDLERS = "bench.workers.handlers"

# The address for clients, and the workers.
Running = tuple[str, list[Program]]
Way = Callable[[list[str]], AbstractContextManager[Running]]


def _serve(endpoint: str, handler: str, *options: str) -> AbstractContextManager[Program]:
    command = [sys.executable, "-m", "transport_zmq", "serve", endpoint, f"{_HANDLERS}:{handler}", *options]
    return running(*command, environment=python_path())


@contextmanager
def proxy(handlers: list[str]) -> Generator[Running]:
    front, back = f"tcp://127.0.0.1:{free_port()}", f"tcp://127.0.0.1:{free_port()}"
    with ExitStack() as opened:
        opened.enter_context(
            running(sys.executable, "-m", "transport_zmq", "proxy", front, back, environment=python_path())
        )
        yield front, [opened.enter_context(_serve(back, handler, "--connect")) for handler in handlers]


@contextmanager
def one_message_each(handlers: list[str]) -> Generator[Running]:
    front = f"tcp://127.0.0.1:{free_port()}"
    backs = [f"tcp://127.0.0.1:{free_port()}" for _ in handlers]
    with ExitStack() as opened:
        program = str(ZMQ_EXAMPLES / "one_message_each.py")
        opened.enter_context(running(sys.executable, program, front, *backs, environment=python_path()))
        workers = [
            opened.enter_context(_serve(back, handler, "--connect"))
            for back, handler in zip(backs, handlers, strict=True)
        ]
        yield front, workers


@contextmanager
def haproxy_tcp(handlers: list[str]) -> Generator[Running]:
    front, ports = free_port(), [free_port() for _ in handlers]
    configuration = (ZMQ_EXAMPLES / "haproxy.cfg").read_text().replace("5555", str(front))
    kept = configuration[: configuration.index("    server one")]
    servers = "".join(f"    server s{port} 127.0.0.1:{port}\n" for port in ports)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        workers = [
            opened.enter_context(_serve(f"tcp://127.0.0.1:{port}", handler))
            for port, handler in zip(ports, handlers, strict=True)
        ]
        for worker, port in zip(workers, ports, strict=True):
            worker.until_listening(port)
        opened.enter_context(haproxy(kept + servers, front, folder))
        yield f"tcp://127.0.0.1:{front}", workers


@contextmanager
def nginx_gunicorn(handlers: list[str]) -> Generator[Running]:
    front, ports = free_port(), [free_port() for _ in handlers]
    configuration = (WSGI_EXAMPLES / "nginx.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{front}")
    servers = "".join(f"        server 127.0.0.1:{port};\n" for port in ports)
    configuration = configuration.replace("        server 127.0.0.1:8001;\n        server 127.0.0.1:8002;\n", servers)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        workers: list[Program] = []
        for port, handler in zip(ports, handlers, strict=True):
            command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "16"]
            command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
            command += [f"{_HANDLERS}:application('{handler}')"]
            workers.append(opened.enter_context(running(*command, environment=python_path())))
        for worker, port in zip(workers, ports, strict=True):
            worker.until_listening(port)
        opened.enter_context(nginx(configuration, front, folder))
        yield f"http://127.0.0.1:{front}/", workers


WAYS: dict[str, Way] = {"transport_zmq proxy": proxy, "one message each": one_message_each}
if version("haproxy"):
    WAYS["HAProxy leastconn, TCP"] = haproxy_tcp
if version("nginx"):
    WAYS["nginx least_conn, gunicorn"] = nginx_gunicorn
