"""``hatch run demo``, run as the child process that it is."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from demo import __main__ as demo_main
from demo._exchange import Tally
from demo._messages import MAX_MESSAGE_BYTES, FileInput, InputError

from transport_base import TransportConnectionError

HERE = Path(__file__).parent
ROOT = HERE.parent
DEADLINE = 60
COMMAND = [sys.executable, "-m", "demo"]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
    "PYTHONWARNINGS": "error",
}
WIRES = ["ZMQ", "HTTP+WSGI"]


def run(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )


def test_own_input_comes_back_intact_and_a_pipe_gets_plain_lines() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = done.stdout.splitlines()
    assert first.startswith("sending 2013 messages, ")
    assert [line.partition(":")[0] for line in others] == [wire for wire in WIRES for _ in range(3)]
    for figures, sent, got in zip(*[iter(others)] * 3, strict=True):
        assert re.fullmatch(
            r"\S+: 2013 messages, \d+ bytes, first call \d+\.\d{3} ms, median \d+\.\d{3} ms, "
            r"99th percentile \d+\.\d{3} ms, all intact",
            figures,
        )
        assert sent.endswith(': sent {"id": 0, "method": "echo"}')
        assert got.endswith(': got  {"id": 0, "method": "echo"}')
    assert done.stdout.replace("\n", "").isascii()
    assert done.stdout.replace("\n", "").isprintable()


def test_each_line_of_a_file_is_a_message() -> None:
    readme = ROOT / "README.md"
    done = run("README.md")
    assert (done.returncode, done.stderr) == (0, "")
    lines = readme.read_bytes().removesuffix(b"\n").split(b"\n")
    sizes = f"{len(lines)} messages, {sum(map(len, lines))} bytes"
    assert done.stdout.splitlines()[0] == f"sending {sizes}: README.md"
    assert all(f"{wire}: {sizes}, " in done.stdout for wire in WIRES)


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        pytest.param("", [], id="empty-file"),
        pytest.param("\n", [""], id="one-empty-line"),
        pytest.param("a\nb", ["a", "b"], id="last-line-unended"),
        pytest.param("a\r\n\rb\n", ["a\r", "\rb"], id="cr-is-kept"),
        pytest.param("\ufeffa\n", ["\ufeffa"], id="bom-is-kept"),
        pytest.param("a\u2028b\x0bc\x85d\n", ["a\u2028b\x0bc\x85d"], id="other-line-ends-are-text"),
        pytest.param("\0\n\n\U0001f600\n", ["\0", "", "\U0001f600"], id="nul-and-astral"),
    ],
)
def test_file_is_split_at_each_lf_and_left_alone_otherwise(tmp_path: Path, content: str, messages: list[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(content.encode())
    with FileInput(str(path)) as source:
        assert [message for message, _ in source] == messages
        # It can be gone through again, and told its sizes beforehand.
        assert list(source) == [(message, len(message.encode())) for message in messages]
        assert (source.messages, source.message_bytes) == (len(messages), sum(len(text.encode()) for text in messages))


def test_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntw")
    with FileInput(str(path)) as source:
        with path.open("a") as log:
            log.write("o\nthree\n")
        assert [message for message, _ in source] == ["one", "tw"]


@pytest.mark.parametrize(
    "content", [pytest.param(b"\xff\xff\xff\xff", id="overwritten"), pytest.param(b"fi", id="cut-short")]
)
def test_file_that_is_changed_meanwhile_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"fine")
    with FileInput(str(path)) as source:
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"input: changed while it was read$"):
            list(source)


def test_empty_file_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    done = run(path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path} is empty: nothing to send\n", "")


def test_few_messages_make_no_percentile(tmp_path: Path) -> None:
    path = tmp_path / "few"
    path.write_text("one\ntwo\nthree\n")
    done = run(path)
    assert (done.returncode, done.stderr) == (0, "")
    for wire in WIRES:
        assert re.search(
            rf"^{re.escape(wire)}: 3 messages, 11 bytes, first call \d+\.\d{{3}} ms, all intact$",
            done.stdout,
            re.MULTILINE,
        )


def test_message_is_shown_as_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "strange"
    path.write_bytes(b"\n \n\0\x1b[31m\r" + b"x" * 10_000 + b"\n")
    lines = run(path).stdout.splitlines()
    assert lines[2] == r"ZMQ: sent \x00\x1b[31m\r" + "x" * 193
    assert lines[3] == r"ZMQ: got  \x00\x1b[31m\r" + "x" * 193


def piped(path: str, content: bytes) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, path],
        cwd=ROOT,
        env=ENVIRONMENT,
        input=content.decode(),
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize("path", ["-", "/dev/stdin"])
def test_standard_input_is_taken(path: str) -> None:
    done = piped(path, "a\n\U0001f600\n".encode() * 1000)
    assert (done.returncode, done.stderr) == (0, "")
    name = "standard input" if path == "-" else path
    assert done.stdout.startswith(f"sending 2000 messages, 5000 bytes: {name}\n")
    assert done.stdout.count("all intact") == len(WIRES)
    assert piped(path, b"").stdout == f"{name} is empty: nothing to send\n"


def test_fifo_is_taken(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", 'seq 1 2000 > "$0"', pipe]):
        done = run(pipe)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"sending 2000 messages, 6893 bytes: {pipe}\n")


def test_endless_input_is_reported_in_one_line() -> None:
    assert refused("/dev/zero") == f"/dev/zero: line 1 has over {MAX_MESSAGE_BYTES} bytes, too many for a message"


def refused(path: str | Path) -> str:
    """Return what the demo says about an input that it does not send anything of."""
    done = run(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("demo: ")
    assert done.stderr.endswith("\n")
    assert done.stderr[:-1].isprintable()
    return done.stderr.removeprefix("demo: ").removesuffix("\n")


def test_missing_file_is_reported_in_one_line() -> None:
    assert refused("no/such/file") == "no/such/file: No such file or directory"


def test_name_that_no_terminal_can_show_is_reported_in_one_line() -> None:
    assert refused("new\nline\x1b[31m") == r"new\nline\x1b[31m: No such file or directory"


def test_directory_is_reported_in_one_line(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path}: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file_is_reported_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    assert refused(path) == f"{path}: Permission denied"


def test_unreadable_file_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, for those who are root: the system's refusal is played."""

    def forbid(_path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret"
    path.touch()
    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(InputError, match=r"secret: Permission denied$"):
        FileInput(str(path))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xff\xfeb\0o\0m\0", id="utf-16"),
        pytest.param(b"fine\nlatin \xe9 1\n", id="latin-1"),
        pytest.param(b"cut short \xf0\x9f\x98", id="ends-in-mid-character"),
        pytest.param(b"one\n" * 3 + b"surrogate \xed\xa0\x80\n", id="surrogate"),
        pytest.param(b"x" * (2**20 - 1) + b"\xe2\x82x", id="across-two-reads"),
        pytest.param(b"x\n" * 2**20 + b"\x80", id="first-byte-of-a-read"),
        pytest.param(b"x" * (2**20 - 3) + b"\xf0\x9f\x98", id="cut-at-the-end-of-a-read"),
    ],
)
def test_undecodable_file_is_reported_with_its_byte_and_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    with pytest.raises(UnicodeDecodeError) as wanted:
        content.decode()
    line = content.count(b"\n", 0, wanted.value.start) + 1
    said = refused(path)
    assert said == f"{path}: not UTF-8 at byte {wanted.value.start} (line {line}): {wanted.value.reason}"


def test_line_that_is_too_long_for_a_message_is_reported_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.write(b"short\n")
        file.truncate(len(b"short\n") + MAX_MESSAGE_BYTES + 1)
    assert refused(path) == f"{path}: line 2 has over {MAX_MESSAGE_BYTES} bytes, too many for a message"


def test_line_of_the_greatest_length_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(MAX_MESSAGE_BYTES)
    with FileInput(str(path)) as source:
        assert [size for _, size in source] == [MAX_MESSAGE_BYTES]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """The peak of the demo and of its servers, for 20 MB and for 1 MB: the file's size would show."""

    def peak(megabytes: int) -> int:
        path = tmp_path / str(megabytes)
        path.write_bytes((b"0123456789abcde\n" * 512).replace(b"\n", b" ", 511) * (megabytes * 128))
        process = subprocess.Popen([*COMMAND, path], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    assert peak(20) - peak(1) < 8 * 1024 * 1024


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"line\n" * 1_000_000)
    process = subprocess.Popen(
        [*COMMAND, path], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("sending 1000000 messages")
            process.send_signal(signal.SIGINT)
            # The servers write to the same pipes, so this returns only when they have ended as well.
            output, errors = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, output, errors) == (130, "", "demo: interrupted\n")


def test_reader_that_leaves_early_ends_it_quietly() -> None:
    done = subprocess.run(
        f"{sys.executable} -m demo README.md | true",
        cwd=ROOT,
        env=ENVIRONMENT,
        shell=True,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.stderr == b""


def test_ctrl_c_between_messages_ends_it_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"line\n" * 1_000_000)
    shown = ""
    with in_terminal(path) as (process, controller):
        for part in output_of(controller):
            if not re.search(r" [1-9]\d*/1000000", shown) and re.search(r" [1-9]\d*/1000000", shown + part):
                process.send_signal(signal.SIGINT)
            shown += part
        assert process.wait(DEADLINE) == 130
    assert shown.endswith("demo: interrupted\r\n")
    assert "Traceback" not in shown


def test_terminal_gets_a_progress_bar_and_a_table() -> None:
    with in_terminal() as (process, controller):
        shown = "".join(output_of(controller))
        assert process.wait(DEADLINE) == 0
    assert re.search(r"ZMQ .*0/2013", shown)
    lines = shown.splitlines()
    for heading in ("Messages", "First call", "Median", "99th percentile", "Replies"):
        assert any(line.startswith(heading) for line in lines)
    assert shown.count("all intact") == 2


def test_table_is_readable_in_forty_columns() -> None:
    """Each figure of both transports in one line, and a message and its reply in a line each."""
    with in_terminal(columns=40) as (process, controller):
        shown = "".join(output_of(controller))
        assert process.wait(DEADLINE) == 0
    milliseconds = r" +\d+\.\d{3} ms +\d+\.\d{3} ms *\r\n"
    assert re.search(
        r"Messages +2,013 +2,013 *\r\n"
        rf"First call{milliseconds}Median{milliseconds}99th percentile{milliseconds}"
        r"Replies +all intact +all intact *\r\n",
        shown,
    )
    assert re.search(r'ZMQ sent \{"id": 0, "method": "echo"\}\r\nZMQ got  \{"id": 0, "method": "echo"\}\r\n', shown)


@contextmanager
def in_terminal(*arguments: Path, columns: int = 100) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    """Run the demo in a terminal of its own; give the process and the terminal's other end."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": str(columns)},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        with process:
            try:
                yield process, controller
            finally:
                process.kill()
    finally:
        os.close(controller)


def output_of(controller: int) -> Iterator[str]:
    """Yield what comes out of a terminal until nobody holds its other end."""
    deadline = time.monotonic() + DEADLINE
    while True:
        ready, _, _ = select.select([controller], [], [], max(deadline - time.monotonic(), 0))
        assert ready, "no end of the output in time"
        try:
            data = os.read(controller, 65536)
        except OSError:  # EIO is how Linux tells that the other end is closed
            return
        if not data:
            return
        yield data.decode(errors="replace")


class Spoiling:
    """A client that gets every reply right but one."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def send_message(self, message: str) -> str:
        if message == "\0" and self.failure is not None:
            raise self.failure
        return message.replace("\ufeff", "")

    def close(self) -> None:
        pass


@contextmanager
def spoiling_wire() -> Generator[Spoiling]:
    yield Spoiling()


@contextmanager
def failing_wire() -> Generator[Spoiling]:
    yield Spoiling(TransportConnectionError("gone"))


def test_corrupted_reply_is_reported_and_sets_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_main, "WIRES", {"ZMQ": spoiling_wire})
    monkeypatch.setattr(sys, "argv", ["demo"])
    assert demo_main.main() == 1
    assert "1 of 2013 NOT intact\n" in capsys.readouterr().out


def test_transport_that_fails_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_main, "WIRES", {"ZMQ": failing_wire})
    monkeypatch.setattr(sys, "argv", ["demo"])
    assert demo_main.main() == 1
    assert capsys.readouterr().err == "demo: ZMQ: gone\n"


def test_percentiles_are_right_to_one_percent() -> None:
    tally = Tally()
    for microseconds in range(1, 10_001):
        tally.add(1, microseconds * 1000, intact=True)
    assert tally.percentile(50) == pytest.approx(0.005, rel=0.011)
    assert tally.percentile(99) == pytest.approx(0.0099, rel=0.011)


def test_first_call_is_no_part_of_the_percentiles() -> None:
    tally = Tally()
    tally.add(1, 10**12, intact=True)
    for _ in range(10):
        tally.add(1, 1_000_000, intact=True)
    assert tally.first == 1000
    assert tally.percentile(50) == pytest.approx(0.001, rel=0.011)
    # One of ten is all that could lie beyond it.
    assert tally.percentile(99) is None
