"""What a transport adds to a plain WSGI application, on each web server."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from . import wrk
from .contest import Table, tell
from .processes import CORE, OTHER_CORE, Child, ChildError
from .statistics import Row

SERVERS = [
    "waitress",
    "cheroot",
    "gunicorn gthread",
    "gunicorn gevent",
    "gevent.pywsgi",
    "granian",
    "uWSGI",
    "Werkzeug's",
]
PLAIN, TINYRPC, OURS = "plain application (the limit)", "tinyrpc", "transport-wsgi"
_APPS = {PLAIN: "plain", TINYRPC: "tinyrpc", OURS: "ours"}

NOTE = f"32 B; server on core {CORE}, wrk on core {OTHER_CORE}; µs of the whole for each request"


def table_name(server: str) -> str:
    return f"WSGI on {server}"


def quick() -> Iterator[Table]:
    """Yield what the targets ask for."""
    for server in SERVERS:
        yield on(server, [16], rounds=3, seconds=0.2)


def full() -> Iterator[Table]:
    """Yield every table."""
    for server in SERVERS:
        yield on(server, [1, 16, 64], rounds=4, seconds=0.15)


def case_name(connections: int) -> str:
    return f"{connections} connection{'s' * (connections > 1)}"


def on(server: str, connections: Sequence[int], rounds: int, seconds: float, name: str = "") -> Table:
    """Return what each application costs on *server*, by the number of *connections*."""
    started = time.monotonic()
    table = Table(
        name or table_name(server), NOTE, cases={case_name(n): [Row(app) for app in _APPS] for n in connections}
    )
    with contextlib.ExitStack() as stack:
        children: dict[str, Child] = {}
        for name, app in _APPS.items():
            child = Child("server", "wsgi_servers:serve", {"server": server, "app": app}, core=CORE)
            stack.callback(child.stop)
            children[name] = child
        for child in children.values():
            stack.callback(child.end)  # all of them before the first is waited for
        for name, child in list(children.items()):
            try:
                wrk.wait_for(child.wait_until_ready())
                wrk.microseconds(child.address, 16, seconds)  # warms up
            except ChildError as exc:
                _give_up(table, name, str(exc), children)
        for number in range(rounds):
            for name in list(_APPS)[number % 3 :] + list(_APPS)[: number % 3]:
                for n in connections:
                    if name not in children:
                        break
                    try:
                        table.row(case_name(n), name).samples.append(
                            wrk.microseconds(children[name].address, n, seconds)
                        )
                    except ChildError as exc:
                        _give_up(table, name, f"{exc} (at {case_name(n)})", children)
    tell(table, time.monotonic() - started)
    return table


def _give_up(table: Table, name: str, reason: str, children: dict[str, Child]) -> None:
    del children[name]
    for case in table.cases:
        row = table.row(case, name)
        row.missing = reason
        row.samples.clear()
