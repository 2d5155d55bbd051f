"""``hatch run ci``, with parts of a line each."""

import shlex
import signal
import sys
import time
from pathlib import Path

from processes import FOLDER, python
from tasks import DEADLINE

# Runs the program with parts that the arguments give: name, command, and the part to wait for or nothing.
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
import ci
given = iter(sys.argv[3:])
ci.PARTS = tuple(ci.Part(name, command, after or None) for name, command, after in zip(given, given, given))
sys.argv[1:] = sys.argv[2].split()
sys.exit(ci.main())
"""
CI = FOLDER.parent / ".ci"


def command(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def run(*parts: tuple[str, str, str], asked: str = "") -> tuple[int, list[str]]:
    with python("-c", DRIVER, str(CI), asked, *(text for part in parts for text in part)) as process:
        lines = process.rest().splitlines()
        return process.wait(), lines


def test_every_part_runs_whatever_another_does() -> None:
    fails = command("print('what is wrong'); raise SystemExit(3)")
    lacks = command("print('nothing to do it with'); raise SystemExit(77)")
    status, lines = run(("broken", fails, ""), ("lacking", lacks, ""), ("fine", command("print('good')"), ""))
    assert status == 1
    assert "what is wrong" in lines
    assert any("lacking skipped after " in line and "nothing to do it with" in line for line in lines)
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    table = [line.split(maxsplit=4) for line in lines[-4:-1]]
    assert [row[:2] for row in table] == [["broken", "failed"], ["lacking", "skipped"], ["fine", "passed"]]
    assert [row[4] for row in table] == [fails, lacks, command("print('good')")]


def test_status_is_zero_when_none_fails() -> None:
    assert run(("fine", command("pass"), ""), ("lacking", command("raise SystemExit(77)"), ""))[0] == 0


def test_what_pytest_has_left_out_is_told() -> None:
    status, lines = run(("tests", command("print('SKIPPED [1] test_x.py:1: no browser\\n1 skipped')"), ""))
    assert status == 0
    assert any(line.strip() == "SKIPPED [1] test_x.py:1: no browser" for line in lines)


def test_part_waits_for_the_one_that_it_needs(tmp_path: Path) -> None:
    there = tmp_path / "there"
    makes = command(f"import pathlib, time; time.sleep(0.3); pathlib.Path({str(there)!r}).touch()")
    needs = command(f"import pathlib; assert pathlib.Path({str(there)!r}).exists()")
    assert run(("needs", needs, "makes"), ("makes", makes, ""))[1][-1] == "2 passed, 0 failed, 0 skipped"


def test_only_the_parts_that_are_asked_for_run() -> None:
    # Not even what it needs, which would be there from an earlier run.
    parts = [("first", command("raise SystemExit(1)"), ""), ("second", command("pass"), "first")]
    assert run(*parts, asked="second")[1][-1] == "1 passed, 0 failed, 0 skipped"


def test_unknown_part_is_wrong_usage() -> None:
    assert run(("first", command("pass"), ""), asked="frist") == (2, [])


def test_ctrl_c_ends_what_is_running(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)"
    with python("-c", DRIVER, str(CI), "", "endless", command(code), "") as process:
        end = time.monotonic() + DEADLINE
        while not (pid.exists() and pid.read_text()):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.signal(signal.SIGINT)
        assert process.wait() == 130
    assert not Path("/proc", pid.read_text()).exists()
