"""
Every code block of every README, and of every page of the site, does what it says.

- ``python`` blocks run as they are, each in a process of its own, with warnings as errors. A comment behind a
  ``print(…)`` tells what it prints, so that line has to come out.
- A ``python`` block that begins with a comment such as ``# service.py`` is a file of that name for the console as well.
- A ``python`` block that is such a file and has a ``main`` is imported here, and run where a console block starts it.
- A ``literalinclude`` is a file for the console, too. (The program itself is typed: the packages' examples are.)
- ``console`` blocks are one session for each page, in the order of the page. Each line that starts with ``$`` is run
  by the shell; lines below it are what it prints. Servers go on in the background until another one takes the same
  port, or the session ends. Fixed port numbers are replaced by free ones, the same one everywhere in the session.
- A page about the client alone sends to a server that the reader has; here that is an echo server of transport-wsgi.
- What would install something is checked without doing so: ``pip install`` has to name a distribution of this
  repository, and ``pip install hatch && hatch run …`` a script of hatch.toml, the test command being what .ci/run runs.
- The ``console`` block under "Vendoring" needs wheels and is run by delivery/test_vendoring.py, which builds them.
- ``toml`` is parsed. On the site's pages there may also be figures (``text``) and JavaScript,
  which nothing here runs.
- A block of another language fails its test: there is nothing here that would run it.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
DEADLINE = 60
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
PAGES = [*READMES, *sorted(ROOT.glob("packages/*/docs/*.md")), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
# What the pages of the site may have beyond that. What is in braces is for the site's generator.
FURTHER_LANGUAGES = {"js", "text", "toml", "{eval-rst}", "{literalinclude}"}
DISTRIBUTIONS = sorted(folder.name for folder in ROOT.glob("packages/*"))


class Block(NamedTuple):
    readme: Path
    line: int
    section: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{name_of(self.readme)}-line-{self.line}"


def name_of(page: Path) -> str:
    return page.parent.name if page in READMES else f"{page.parents[1].name}-{page.stem}"


def blocks(*readmes: Path) -> Iterator[Block]:
    for readme in readmes:
        section, language, start, code = "", None, 0, list[str]()
        for number, line in enumerate(readme.read_text(encoding="utf-8").splitlines(), 1):
            fence = re.fullmatch(r"\s*(```+|~~~+)\s*(.*)", line)
            if fence is None:
                code.append(line)
                if language is None and line.startswith("#"):
                    section = line.lstrip("# ")
            elif language is None:
                language, start, code = fence[2], number, []
            else:
                yield Block(readme, start, section, language, "\n".join(code) + "\n")
                language = None
        assert language is None, f"{readme}: the block at line {start} has no end"


BLOCKS = list(blocks(*PAGES))


def environment() -> dict[str, str]:
    # `python` in a README is the one that runs the tests.
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def test_every_distribution_has_a_readme_with_an_example() -> None:
    with_example = {block.readme for block in blocks(*READMES) if block.language == "python"}
    assert with_example == {ROOT / "README.md"} | {ROOT / "packages" / name / "README.md" for name in DISTRIBUTIONS}


def test_every_block_is_of_a_language_that_is_run_here() -> None:
    readmes = [block for block in BLOCKS if block.readme in READMES and block.language in FURTHER_LANGUAGES]
    unknown = [block for block in BLOCKS if block.language.split()[0] not in {"python", "console", *FURTHER_LANGUAGES}]
    assert [str(block) for block in readmes + unknown] == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "toml"], ids=str)
def test_toml_block_is_toml(block: Block) -> None:
    assert tomllib.loads(block.code) != {}


def files(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file that a page shows."""
    for block in blocks(page):
        if block.language == "python" and (named := re.match(r"# (\w+\.py)\n", block.code)):
            yield named[1], block.code
        elif block.language.startswith("{literalinclude}"):
            shown = page.parent / block.language.split()[1]
            yield shown.name, shown.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_python_block_runs_and_prints_what_it_says(block: Block, tmp_path: Path) -> None:
    code = block.code
    for name, text in files(block.readme):
        (tmp_path / name).write_text(text)
    if (named := re.match(r"# (\w+)\.py\n", code)) and 'if __name__ == "__main__":' in code:
        (tmp_path / f"{named[1]}.py").write_text(code)
        code = f"import {named[1]}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # A thread's exception, or a warning as the interpreter ends, does not show in the status.
    assert not re.search("Traceback|Warning", done.stderr), done.stderr
    told = re.findall(r"^\s*print\(.*\)  # (?:prints )?(.+)$", block.code, re.MULTILINE)
    printed = iter(done.stdout.splitlines())
    for line in told:
        assert line in printed, f"did not print {line!r} in its turn: {done.stdout}"


class Step(NamedTuple):
    command: str
    output: str


def steps(readme: Path) -> Iterator[Step]:
    """Yield each command of a README's console blocks, and what it is said to print."""
    for block in blocks(readme):
        if block.language == "console" and block.section != "Vendoring" and readme.stem != "vendoring":
            first, *parts = re.split(r"^\$ ", block.code, flags=re.MULTILINE)
            assert first == "", f"{block}: does not begin with a command"
            for part in parts:
                command, _, output = part.partition("\n")
                yield Step(command, output)


SETUP = re.compile(r"(pip install hatch && )?hatch run (?P<script>[\w:]+)( .+)?")
INSTALL = re.compile(r"pip install (?P<names>[\w ./-]+)(\[contract\])?")
# What runs until it is stopped, and prints, or is given, where it listens.
ECHO = re.compile(r"python -m \w+ echo .*?(?P<port>\d+)")
WEB_SERVER = re.compile(r"(waitress-serve|gunicorn) .*?(?P<port>\d+) .*")
# A file of the page: what takes no argument is a server.
PROGRAM = re.compile(r"python (?P<port>\w+)\.py|python -m transport_zmq (serve|proxy) .*")
HTTP_SEND = re.compile(r"(python -m transport_http send|curl) .*http://127\.0\.0\.1:(?P<port>\d+)/.*")
PORT = re.compile(
    r"""(?<=127\.0\.0\.1:)[1-9]\d+|(?<=localhost:)[1-9]\d+|(?<=--port )[1-9]\d+|(?<="127\.0\.0\.1", )[1-9]\d+"""
)
# What the tutorials need beside the packages.
OTHERS = {"cheroot"}


def free_port() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return str(unused.getsockname()[1])


@pytest.mark.parametrize("readme", [page for page in PAGES if any(steps(page))], ids=name_of)
def test_console_session_runs_and_prints_what_it_says(readme: Path, tmp_path: Path) -> None:
    ports: dict[str, str] = {}

    def with_free_ports(text: str) -> str:
        return PORT.sub(lambda found: ports.setdefault(found[0], free_port()), text)

    for name, text in files(readme):
        (tmp_path / name).write_text(with_free_ports(text))

    with ExitStack() as session:
        servers: dict[str, ExitStack] = {}
        for step in steps(readme):
            command, output = map(with_free_ports, step)
            if command.startswith("curl ") and shutil.which("curl") is None:
                continue  # not every machine has it
            if setup := SETUP.fullmatch(command):
                assert setup["script"] in hatch_scripts()
            elif install := INSTALL.fullmatch(command):
                names = {name.removeprefix("./packages/") for name in install["names"].split()}
                assert names <= {*DISTRIBUTIONS, *OTHERS}
            elif server := ECHO.fullmatch(command) or WEB_SERVER.fullmatch(command) or PROGRAM.fullmatch(command):
                port = server["port"] or command
                servers.setdefault(port, session.enter_context(ExitStack())).close()
                printed = servers[port].enter_context(start(server, tmp_path))
                assert output in {"", printed}, command
            else:
                sent = HTTP_SEND.fullmatch(command)
                if sent and not servers.keys() & {port := sent["port"], "server"}:
                    servers[port] = session.enter_context(ExitStack())
                    servers[port].enter_context(echo_server(f"python -m transport_wsgi echo --port {port}", tmp_path))
                done = subprocess.run(
                    ["/bin/sh", "-c", command],
                    cwd=tmp_path,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                    check=False,
                )
                assert done.returncode == 0, f"{command}: {done.stderr}"
                assert output.rstrip("\n") in {"", done.stdout.rstrip("\n")}, command


def start(command: re.Match[str], folder: Path) -> AbstractContextManager[str]:
    """Run a command that does not end by itself; yield its first line, if it prints any."""
    if command.re is WEB_SERVER:
        return web_server(command[0], int(command["port"]), folder)
    return echo_server(command[0], folder) if command.re is ECHO else program(command[0], folder)


@contextmanager
def program(command: str, folder: Path) -> Generator[str]:
    with running(command, folder, subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline() if command == "python server.py" else ""


@contextmanager
def echo_server(command: str, folder: Path) -> Generator[str]:
    """Run an ``echo`` command; yield the first line that it prints, and see that SIGTERM ends it cleanly."""
    with running(command, folder, subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline()
    assert process.returncode == 0, command


@contextmanager
def web_server(command: str, port: int, folder: Path) -> Generator[str]:
    """Run a web server's command, until SIGTERM; it is there once its port takes connections."""
    with running(command, folder, subprocess.DEVNULL) as process:
        deadline = time.monotonic() + DEADLINE
        while True:
            assert process.poll() is None, f"{command}: ended with status {process.returncode}"
            assert time.monotonic() < deadline, f"{command}: not listening in time"
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), DEADLINE):
                break
            time.sleep(0.05)
        yield ""


@contextmanager
def running(command: str, folder: Path, output: int) -> Generator["subprocess.Popen[str]"]:
    arguments = shlex.split(command)
    with subprocess.Popen(arguments, cwd=folder, env=environment(), stdout=output, text=True) as process:
        try:
            yield process
            process.terminate()
            process.wait(DEADLINE)
        finally:
            process.kill()


def hatch_scripts() -> set[str]:
    environments = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
    named = {f"{name}:{script}" for name, table in environments.items() for script in table.get("scripts", {})}
    return named | set(environments["default"]["scripts"])


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = "pip install hatch && hatch run ci"
    assert command in [step.command for step in steps(ROOT / "README.md")]
    assert (ROOT / ".ci" / "run").read_text().endswith(f"bash -c '{command}'\n")


def test_readmes_show_the_examples_as_they_are() -> None:
    examples = {
        path.read_text() for name in ("server.py", "client.py") for path in ROOT.glob(f"packages/*/examples/{name}")
    }
    shown = [block for block in blocks(*READMES) if re.match(r"# (server|client)\.py\n", block.code)]
    assert [str(block) for block in shown if block.code.partition("\n")[2] not in examples] == []
    assert {block.readme for block in shown} >= {ROOT / "README.md"}
