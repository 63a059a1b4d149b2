"""Compiles functions, and keeps what was compiled where the disk lets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """`function` as machine code that runs without the GIL, made when it is first called."""
    try:
        return cast(_F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither the installation nor the home may be written: each process anew
        return cast(_F, numba.njit(nogil=True)(function))
