"""Whether values that were read are what a dataclass says they are.

A seal tells that a file is whole, not that this program wrote it.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

LARGEST = 1e18
"""Of any number that we write; larger ones cannot be counted with as floats."""


def fits(value: Any, kind: Any) -> bool:
    """Whether a value read from JSON is of the type `kind`: None, bool, int, float, str, unions of
    them, `tuple[x, ...]` as a list, `Mapping[str, x]`, or a dataclass as a dict of its fields."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in get_args(kind))
    if origin is tuple:
        return isinstance(value, list) and all(fits(one, get_args(kind)[0]) for one in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        named = isinstance(value, dict)
        return named and all(fits(one, get_args(kind)[1]) for one in value.values())
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        named = isinstance(value, dict) and value.keys() == hints.keys()
        return named and all(fits(value[name], hint) for name, hint in hints.items())
    return _is_plain(value, kind)


def _is_plain(value: Any, kind: Any) -> bool:
    if kind in (int, float):
        number = isinstance(value, int if kind is int else (int, float))
        return number and not isinstance(value, bool) and abs(value) <= LARGEST
    return isinstance(value, kind)
