"""What the command lines have in common: one line for what fails, and nothing that a shell does breaks them."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tasks import DEADLINE

ECHO = {
    "transport_wsgi": ["echo", "--port", "0"],
    "transport_zmq": ["echo", "tcp://127.0.0.1:*"],
}
SEND = {"transport_http": "transport_wsgi", "transport_zmq": "transport_zmq"}  # and the server that it sends to
ALL = sorted({*ECHO, *SEND})


def command(package: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", package, *arguments]


def shell(line: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run *line*, in which "$@" is what *arguments* say; it ends with the status of that."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, "bash", *arguments],
        capture_output=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, **variables},
    )


@contextmanager
def echo(package: str) -> Generator[tuple["subprocess.Popen[str]", str]]:
    with subprocess.Popen(
        command(package, *ECHO[package]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def is_one_line_of(package: str, errors: bytes) -> None:
    assert errors.startswith(f"python -m {package}: ".encode()), errors
    assert errors.count(b"\n") == 1, errors


@pytest.mark.parametrize("package", ALL)
def test_version_is_that_of_the_package(package: str) -> None:
    done = shell('"$@"', *command(package, "--version"))
    version = sys.modules[package].__version__ if package in sys.modules else __import__(package).__version__
    assert (done.returncode, done.stdout.decode()) == (0, f"python -m {package} {version}\n")


@pytest.mark.parametrize(("package", "name"), [*((p, "echo") for p in ECHO), *((p, "send") for p in SEND)])
def test_help_has_an_example(package: str, name: str) -> None:
    done = shell('"$@"', *command(package, name, "--help"))
    assert done.returncode == 0
    assert f"example: python -m {package} {name}".encode() in done.stdout
    assert b"%(default)s" not in done.stdout


@pytest.mark.parametrize("package", ALL)
@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["nonsense"]])
def test_wrong_usage_ends_with_status_2(package: str, arguments: list[str]) -> None:
    done = shell('"$@"', *command(package, *arguments))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"usage:" in done.stderr


@pytest.mark.parametrize("package", SEND)
@pytest.mark.parametrize("seconds", ["-1", "nan", "soon", ""])
def test_a_wrong_timeout_ends_with_status_2_and_names_the_option(package: str, seconds: str) -> None:
    done = shell('"$@"', *command(package, "send", "somewhere", "x", f"--timeout={seconds}"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--timeout" in done.stderr
    assert b"None" not in done.stderr


UNWRITABLE = pytest.mark.parametrize(
    "line", ['"$@" >/dev/full', '"$@" | head -c 0', '"$@" >&-'], ids=["full", "pipe", "closed"]
)


@UNWRITABLE
@pytest.mark.parametrize("package", ECHO)
def test_an_address_that_cannot_be_written_is_one_line(package: str, line: str) -> None:
    done = shell(line, *command(package, *ECHO[package]))
    assert done.returncode == 1, done
    is_one_line_of(package, done.stderr)


@UNWRITABLE
@pytest.mark.parametrize("package", ALL)
def test_help_that_cannot_be_written_makes_no_traceback(package: str, line: str) -> None:
    """argparse itself is silent when Python runs unbuffered, and takes standard error when there is nothing else."""
    done = shell(line, *command(package, "--help"))
    if done.returncode:
        is_one_line_of(package, done.stderr)
    elif done.stderr:
        assert done.stderr.startswith(f"usage: python -m {package}".encode())


@UNWRITABLE
@pytest.mark.parametrize("package", SEND)
def test_a_reply_that_cannot_be_written_is_one_line(package: str, line: str) -> None:
    with echo(SEND[package]) as (_, address):
        # More than a pipe takes, so that the reader has gone by the time that it is written.
        script = f"python3 -c \"print('x' * 200000)\" | {line}"
        done = shell(script, *command(package, "send", address, "-"))
    assert done.returncode == 1, done
    is_one_line_of(package, done.stderr)


@pytest.mark.parametrize("package", SEND)
def test_a_closed_standard_input_is_one_line(package: str) -> None:
    with echo(SEND[package]) as (_, address):
        done = shell('"$@" <&-', *command(package, "send", address, "-"))
    assert (done.returncode, done.stdout) == (1, b"")
    is_one_line_of(package, done.stderr)
    assert b"standard input is closed" in done.stderr


@pytest.mark.parametrize("package", SEND)
def test_nothing_is_said_where_standard_error_is_closed(package: str) -> None:
    done = shell('"$@" 2>&-', *command(package, "send", "nowhere", "x"))
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.skipif(
    not (str(Path(__file__).resolve()).isascii() and sys.prefix.isascii()),
    reason="in such a locale Python itself does not start with an editable install from a path beyond ASCII",
)
@pytest.mark.parametrize("package", SEND)
def test_text_goes_through_as_it_is_in_the_c_locale(package: str) -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with echo(SEND[package]) as (_, address):
        done = shell('"$@"', *command(package, "send", address, "grüße 𝄞"), **plain)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "grüße 𝄞\n", b"")
        done = shell("printf 'gr\\303\\274\\303\\237e\\n' | \"$@\"", *command(package, "send", address, "-"), **plain)
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "grüße\n\n", b"")


@pytest.mark.parametrize("package", SEND)
def test_an_argument_that_is_not_utf_8_is_one_line(package: str) -> None:
    done = shell('"$@" "$(printf \'\\377\')"', *command(package, "send", "somewhere"))
    assert (done.returncode, done.stdout) == (1, b"")
    is_one_line_of(package, done.stderr)


@pytest.mark.parametrize("package", SEND)
def test_a_one_way_message_prints_nothing(package: str) -> None:
    with echo(SEND[package]) as (_, address):
        done = shell('"$@"', *command(package, "send", "--one-way", address, "x"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_an_http_error_shows_its_body(tmp_path: Path) -> None:
    with echo("transport_wsgi") as (_, address):
        done = shell('"$@"', *command("transport_http", "send", address, "x", "-H", "Origin: http://evil.example"))
    assert (done.returncode, done.stdout) == (1, b"")
    first, *body = done.stderr.decode().splitlines()
    assert first.startswith("python -m transport_http: ")
    assert "403" in first
    assert body == [
        "Pages of this Origin may not send messages here. To allow them, name the origin in the server's allow_origin."
    ]


@pytest.mark.parametrize("header", ["nonsense", ": x", "X y: z"])
def test_a_wrong_header_ends_with_status_2_and_names_the_option(header: str) -> None:
    done = shell('"$@"', *command("transport_http", "send", "http://127.0.0.1:9/", "x", "-H", header))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-H" in done.stderr


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b", "ä" * 80, "256.1.1.1"])
def test_a_bad_host_is_one_line(host: str) -> None:
    done = shell('"$@"', *command("transport_wsgi", "echo", "--host", host, "--port", "0"))
    assert (done.returncode, done.stdout) == (1, b"")
    is_one_line_of("transport_wsgi", done.stderr)
    assert b"--host" in done.stderr


@pytest.mark.parametrize("package", ECHO)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_echo_answers_what_has_arrived_before_it_stops(package: str, number: signal.Signals) -> None:
    sender = next(name for name, server in SEND.items() if server == package)
    with echo(package) as (process, address):
        large = shell(
            f'python3 -c "print(\'x\' * 20000000)" | "$@" | wc -c & kill -{int(number)} {process.pid}; wait %1',
            *command(sender, "send", address, "-", "--timeout=3"),
        )
        output, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, output, errors) == (0, "", "")
    # Either it came before the signal and was answered, or it was refused; nothing is half done.
    assert large.stdout.strip() in {b"20000002", b"0"}
