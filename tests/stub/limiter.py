# SPDX-License-Identifier: MIT
"""The rate limit of the Service API: a fixed window.

The first counted request after a window has ended opens the next one. Inside a window, `limit` requests are served. Further
requests are refused, but still count, and they do not prolong the window. So a client that sends 100 requests at the end of
one window and 100 at the start of the next gets 200 answers in a row; a sliding window or a bucket would not allow that.
"""
import math
import time
from typing import Callable


class FixedWindow:
    """Counts requests; one instance represents one service user, no matter which key is sent."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float] = time.time):
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Forgets the window, as a restart of the server does."""
        self._used = 0
        self._end = -math.inf

    def take(self) -> bool:
        """Counts one request; returns False if it must be answered with 429."""
        self._open_if_over()
        self._used += 1
        return self._used <= self.limit

    def spend(self, used: int) -> None:
        """Makes the current window look as if `used` requests had been counted in it."""
        self._open_if_over()
        self._used = used

    def headers(self) -> list[tuple[str, str]]:
        """The three X-RateLimit headers; Reset is a Unix time in seconds, rounded up."""
        return [
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(max(0, self.limit - self._used))),
            ("x-ratelimit-reset", str(math.ceil(self._end))),
        ]

    def retry_after_s(self) -> int:
        """Whole seconds until the window ends, rounded up, at least 1."""
        return max(1, math.ceil(self._end - self._clock()))

    def _open_if_over(self) -> None:
        now = self._clock()
        if now >= self._end:
            self._used = 0
            self._end = now + self.window_s
