"""What this process holds of the system."""

import os
import time
from pathlib import Path

from tasks import DEADLINE


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def files_come_back_to(before: int) -> None:
    """Wait until no more files are open than there were: libzmq closes its own in the background."""
    end = time.monotonic() + DEADLINE
    while open_files() > before:
        assert time.monotonic() < end, f"{open_files()} open files, {before} before"
        time.sleep(0.01)
