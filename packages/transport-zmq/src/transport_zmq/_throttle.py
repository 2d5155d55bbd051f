"""A line in the log that a peer can cause as often as it likes, and that must not fill the log."""

import logging
import threading
import time

# Often enough to notice within a minute that something still goes on.
_SECONDS = 30.0


class Throttle:
    """One kind of warning on *logger*: written at once, then at most every 30 seconds, with a count of the others."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = -1.0
        self._left_out = 0
        # Reentrant: a signal handler may get here between two steps.
        self._lock = threading.RLock()

    def warn(self, text: str, *arguments: object) -> None:
        """Write *text* with *arguments*, or count it."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                self._left_out += 1
                return
            self._next = now + _SECONDS
            left_out, self._left_out = self._left_out, 0
        if left_out:
            text += " (and %d more like this since the last such line)"
            arguments += (left_out,)
        self._logger.warning(text, *arguments)
