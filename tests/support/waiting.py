"""Waiting until something holds."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(wanted: Callable[[], bool], seconds: float) -> float:
    """Wait until something holds; return how long it took."""
    began = time.monotonic()
    while not wanted():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began
