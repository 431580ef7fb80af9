"""The allocator's setting: taken where the C library is glibc, and harmless where it is not."""

from __future__ import annotations

import ctypes
import platform

import pytest

from console.memory import heap_keep


def test_it_is_understood_by_glibc() -> None:
    assert heap_keep() is (platform.libc_ver()[0] == "glibc")


def test_it_does_nothing_without_mallopt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert heap_keep() is False
