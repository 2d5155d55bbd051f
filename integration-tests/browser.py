"""A real browser, and web sites for it to visit."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tasks import DEADLINE

# A first start of Chromium on a small machine takes its time.
PATIENCE = 60.0

_NAMES = ("chromium", "chromium-browser", "google-chrome")

_PAGE = """<!doctype html><meta charset="utf-8"><title>A page</title><iframe name="aside"></iframe><script>
const target = %s;
async function attempt(how) {
  try {
    const answer = await fetch(target, {method: "POST", ...how});
    return [answer.status, await answer.text()];
  } catch (error) {
    return null;
  }
}
function submit(message) {
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: target, enctype: "text/plain", target: "aside"});
  form.append(Object.assign(document.createElement("input"), {name: message, value: ""}));
  document.body.append(form);
  const loaded = new Promise(done => document.querySelector("iframe").onload = done);
  form.submit();
  return loaded;
}
async function run() {
  const seen = {
    simple: await attempt({body: "simple"}),
    json: await attempt({body: "json", headers: {"Content-Type": "application/json"}}),
    oneWay: await attempt({body: "one way", headers: {"Prefer": "respond-async"}}),
    authorized: await attempt({body: "authorized", headers: {"Authorization": "Bearer token"}}),
    blind: await attempt({body: "blind", mode: "no-cors"}),
    beacon: navigator.sendBeacon(target, "beacon"),
  };
  await submit("form");
  await fetch("/seen", {method: "POST", body: JSON.stringify(seen)});
}
run();
</script>"""


class Site:
    """A web site whose page sends messages to *target* in every way that a page has, and tells what it saw."""

    def __init__(self, host: str, target: str) -> None:
        self.seen: Future[dict[str, Any]] = Future()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer((_PAGE % json.dumps(target)).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(b"")
                site.seen.set_result(json.loads(body))

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class has it
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.origin = f"http://{host}:{self.server.server_port}"


@contextmanager
def site(host: str, target: str) -> Generator[Site]:
    opened = Site(host, target)
    thread = threading.Thread(target=opened.server.serve_forever, args=(0.01,), name="site")
    thread.start()
    try:
        yield opened
    finally:
        opened.server.shutdown()
        opened.server.server_close()
        thread.join(DEADLINE)


def chromium() -> str | None:
    """Return where Chromium is, or ``None`` where it is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def visiting(program: str, url: str, profile: Path, *switches: str) -> Generator[None]:
    """Have a browser of its own, with a new profile, stay on a page."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
    options += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    process = subprocess.Popen(
        [program, *options, *switches, f"--user-data-dir={profile}", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # So that all of its processes can be ended together.
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)
