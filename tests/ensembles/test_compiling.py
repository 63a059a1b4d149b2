"""Compiled functions do what they did before, also where nothing may be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import pytest

from ensembles.compiling import compiled


def total(count: int) -> int:
    found = 0
    for i in range(count):
        found += i * i
    return found


def test_without_a_place_to_keep_it_a_function_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, asked = numba.njit, []

    def njit(*functions: Any, **options: Any) -> Any:
        if functions:
            return real(*functions)  # numba compiles parts of its own
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'total': no locator available for file")
        return real(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(total)(1000) == total(1000)
    assert asked == [{"cache": True, "nogil": True}, {"nogil": True}]


def test_what_is_compiled_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled(total)(10) == 285
    index, code = (list(tmp_path.rglob(f"*.total-*.{kind}")) for kind in ("nbi", "nbc"))
    assert len(index) == len(code) == 1
    before = code[0].stat().st_mtime_ns
    assert compiled(total)(10) == 285  # as in the next process: read, not made again
    assert code[0].stat().st_mtime_ns == before
