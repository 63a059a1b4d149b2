"""Modules that are imported when first used.

The catalogue of members is read by commands that never train (`members`, `score`, `report`);
importing torch there would cost four seconds and hundreds of megabytes for nothing.
"""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for the module `name` and imports it at the first attribute access."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


nn = LazyModule("torch.nn")
blocks = LazyModule("zoo.blocks")
