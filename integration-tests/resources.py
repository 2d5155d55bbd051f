"""What this process holds of the system (open files, threads, memory), and a check that a test leaves none behind."""

import os
import struct
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

# Seconds for whatever was left to go. Never used up, unless something stays for good.
PATIENCE = 60.0

# How many of the things left behind are listed: there may be thousands.
_TOLD = 20

_PROC = Path("/proc/self")

# As in the kernel's include/net/tcp_states.h.
_TCP_STATES = (
    "",
    "established",
    "syn sent",
    "syn received",
    "fin wait 1",
    "fin wait 2",
    "time wait",
    "closed",
    "close wait",
    "last ack",
    "listening",
    "closing",
)


def open_files() -> int:
    return len(_files())


def resident_bytes() -> int:
    pages = int((_PROC / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Held:
    """The open files and the threads of this process at one moment."""

    files: dict[int, str]
    threads: frozenset[threading.Thread]

    def comes_back(self, settle: Callable[[], object] = nothing, *, but: int = 0) -> None:
        """
        Wait until no more than *but* is held that was not then; fail with what each of it is.

        *settle* is called before each look, for a library below that leaves something to be done.
        """
        end = time.monotonic() + PATIENCE
        settle()
        # Each look counts by itself: a server may go on accepting what came before it.
        while len(left := self._more()) > but and time.monotonic() < end:
            # Nothing tells when a library closes a file in a thread of its own.
            time.sleep(0.01)
            settle()
        assert len(left) <= but, "\n".join([f"{len(left)} left behind:", *_described(left[:_TOLD])])

    def _more(self) -> list[threading.Thread | tuple[int, str]]:
        threads = [thread for thread in _threads() if thread not in self.threads]
        return [*threads, *(_files().items() - self.files.items())]


def held() -> Held:
    """Return what this process holds now."""
    return Held(_files(), frozenset(_threads()))


def _files() -> dict[int, str]:
    """Return what each descriptor stands for, such as ``socket:[4711]``: when it is reused, the number is another."""
    found: dict[int, str] = {}
    for entry in list((_PROC / "fd").iterdir()):
        # The listing's own descriptor is in the list, and another thread may close any.
        with suppress(FileNotFoundError):
            found[int(entry.name)] = str(entry.readlink())
    return found


def _threads() -> list[threading.Thread]:
    # Whoever logs in a greenlet gets an entry as a "Dummy" thread.
    return [thread for thread in threading.enumerate() if not thread.name.startswith("Dummy")]


def _described(left: list[threading.Thread | tuple[int, str]]) -> Generator[str]:
    sockets = _sockets()
    for one in left:
        if isinstance(one, threading.Thread):
            yield f"thread {one.name}: {one!r}"
        else:
            number, link = one
            yield f"file {number}: {link} {sockets.get(link) or _watched(number)}"


def _watched(number: int) -> str:
    """Return which descriptors an epoll watches; nothing for whatever watches none."""
    try:
        told = (_PROC / "fdinfo" / str(number)).read_text().splitlines()
    except FileNotFoundError:
        return "closed meanwhile"
    watched = [line.split()[1] for line in told if line.startswith("tfd:")]
    return f"watching {', '.join(watched)}" if watched else ""


def _sockets() -> dict[str, str]:
    """Return what the kernel knows of each socket, by its link; nothing of one that is not bound, or was reset."""
    found: dict[str, str] = {}
    for family, column in (("unix", 6), ("udp", 9), ("udp6", 9), ("netlink", 9)):
        found |= {f"socket:[{fields[column]}]": family for fields in _table(family)}
    for family in ("tcp", "tcp6"):
        for fields in _table(family):
            ends = f"{_address(fields[1])} to {_address(fields[2])}"
            found[f"socket:[{fields[9]}]"] = f"{family} {ends}, {_TCP_STATES[int(fields[3], 16)]}"
    return found


def _table(family: str) -> list[list[str]]:
    path = _PROC / "net" / family
    # A machine without IPv6 has no tables for it.
    lines = path.read_text().splitlines()[1:] if path.exists() else []
    return [line.split() for line in lines]


def _address(text: str) -> str:
    """Return an address of /proc/net/tcp, which has it in words of the machine's byte order, as people write it."""
    host, _, port = text.partition(":")
    words = struct.unpack(f">{len(host) // 8}I", bytes.fromhex(host))
    return f"{ip_address(struct.pack(f'={len(words)}I', *words))}:{int(port, 16)}"
