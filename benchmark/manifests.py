"""What a manifest must hold so that tables can be made of it, whoever wrote and sealed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.shapes import fits
from reports.study import Epoch

_NONE, _NUMBER = type(None), (int, float)
_FIELDS: Mapping[str, tuple[type, ...]] = {
    "member": (str,),
    "seed": (int,),
    "key": (str,),
    "decides": (dict,),
    "sha256": (dict,),
    "imported": (bool,),
    "dataset": (dict,),
    "history": (list,),
    "source": (str,),
    "groups": (list,),
    "recipe": (dict,),
    "profile": (str, _NONE),
    "width": (*_NUMBER, _NONE),
    "parameters": (int, _NONE),
    "macs": (int, _NONE),
    "train_seconds": (*_NUMBER, _NONE),
    "latency_ms": (*_NUMBER, _NONE),
    "device": (str,),
    "pretrained": (bool, _NONE),
    "architecture": (str, _NONE),
}
"""What every manifest has: a seal says that it is whole, not that this program wrote it."""
_OPTIONAL: Mapping[str, tuple[type, ...]] = {"family": (str,)}
"""What a manifest may lack."""


_COUNTED = ("width", "parameters", "macs", "train_seconds", "latency_ms")
_RECIPE: Mapping[str, Any] = {
    "epochs": int,
    "optimizer": str,
    "learning_rate": float,
    "balance": dict | None,
}
"""Entries that figures tell recipes apart by."""


def what_is_wrong(manifest: Mapping[str, Any]) -> str:
    """The end of a sentence that begins with 'the manifest'; '' where nothing is wrong."""
    lacking = sorted(_FIELDS.keys() - manifest.keys())
    if lacking:
        return f"lacks {', '.join(lacking)}"
    known = {**_FIELDS, **{name: k for name, k in _OPTIONAL.items() if name in manifest}}
    wrong = [name for name, kinds in known.items() if not isinstance(manifest[name], kinds)]
    wrong = wrong or _wrong_inside(manifest)
    return f"has no {wrong[0]} that this program could have written" if wrong else ""


def _wrong_inside(manifest: Mapping[str, Any]) -> list[str]:
    """Fields of the right type that hold others."""
    right = {
        "groups": all(isinstance(group, str) for group in manifest["groups"]),
        "dataset": isinstance(manifest["dataset"].get("samples"), dict),
        "history": fits(manifest["history"], tuple[Epoch, ...]),
        "recipe": _is_recipe(manifest["recipe"]),
        **{name: fits(manifest[name], float | None) for name in _COUNTED},
    }
    return [name for name, is_right in right.items() if not is_right]


def _is_recipe(recipe: Mapping[str, Any]) -> bool:
    """An imported member has an empty one."""
    if not recipe:
        return True
    right = all(name in recipe and fits(recipe[name], kind) for name, kind in _RECIPE.items())
    return right and (recipe["balance"] is None or fits(recipe["balance"].get("copies"), int))
