"""The check, at the end of many tests, for what they leave behind."""

import select
import socket
import threading

import pytest
import resources
from resources import held


def test_what_is_left_is_told_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    before, over = held(), threading.Event()
    thread = threading.Thread(target=over.wait, name="lingering")
    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as watcher:
        watcher.register(listener.fileno())
        thread.start()
        try:
            monkeypatch.setattr(resources, "PATIENCE", 0)
            with pytest.raises(AssertionError) as told:
                before.comes_back()
            before.comes_back(but=3)
        finally:
            over.set()
            thread.join()
    first, *others = str(told.value).splitlines()
    assert first == "3 left behind:"
    assert any(line.startswith("thread lingering: <Thread(lingering, started ") for line in others)
    assert any("socket:[" in line and "tcp 127.0.0.1:" in line and line.endswith(", listening") for line in others)
    assert any("[eventpoll] watching " in line for line in others)
    before.comes_back()


def test_file_that_takes_the_place_of_another_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as first:
        before = held()
        first.close()
        monkeypatch.setattr(resources, "PATIENCE", 0)
        with socket.socket(), pytest.raises(AssertionError, match=r"^1 left behind:\nfile \d+: socket:"):
            before.comes_back()


def test_what_goes_in_time_is_waited_for() -> None:
    before, over = held(), threading.Event()
    opened = socket.socket()

    def close() -> None:
        over.wait()
        opened.close()

    thread = threading.Thread(target=close)
    thread.start()
    before.comes_back(settle=over.set)
    thread.join()
