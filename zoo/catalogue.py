"""Every member there is, and the selection of members by the words of a user.

A member is found because its file lies in `zoo/members/`, because an installed package names it
under the entry point group `zoo.members`, or because a user hands over a file. None of them is
skipped in silence: a file that cannot be imported raises. Nothing here imports torch.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import traceback
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

import zoo.members
from zoo.member import Member, ZooError

ALL = "all"
ENTRY_POINTS = "zoo.members"
TIMM, NAME = "timm:", "name:"


@dataclass(frozen=True)
class Catalogue:
    """The members, in the order of the files that define them."""

    members: tuple[Member, ...]
    added: tuple[str, ...] = ()
    """Names of the members that came from a user's own files."""

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group name to the names of its members; `all` holds every one."""
        found: dict[str, list[str]] = {}
        for member in self.members:
            for group in (*member.groups, ALL):
                found.setdefault(group, []).append(member.name)
        return {group: tuple(names) for group, names in sorted(found.items())}

    def member(self, name: str) -> Member:
        """The member called exactly `name`, `timm.NAME` included; `ZooError` if there is none."""
        for member in self.members:
            if member.name == name:
                return member
        if name.startswith("timm."):
            return _timm_member(name.removeprefix("timm."))
        raise ZooError(f"no member is called {name!r}: {self._help(name)}")

    def select(self, selection: str) -> tuple[Member, ...]:
        """The members that `selection` names, each once, in the order of the request.

        selection: comma-separated group names, member names, globs (`deep-*`), `timm:NAME` for
        any network of timm, or `name:NAME` for a member that is called like its group.
        Raises `ZooError` for a word that names nothing, with the nearest match.
        """
        words = [word.strip() for word in selection.split(",") if word.strip()]
        if not words:
            raise ZooError(f"no members are selected: {self._available()}")
        chosen: dict[str, Member] = {}
        for word in words:
            chosen.update({member.name: member for member in self._matches(word)})
        return tuple(chosen.values())

    def _matches(self, word: str) -> Iterable[Member]:
        if word.startswith(TIMM):
            return (_timm_member(word.removeprefix(TIMM)),)
        if word.startswith(NAME):
            return (self.member(word.removeprefix(NAME)),)
        names = self.groups.get(word)
        if names is not None:
            return (member for member in self.members if member.name in names)
        if any(sign in word for sign in "*?["):
            globbed = [member for member in self.members if fnmatchcase(member.name, word)]
            if not globbed:
                raise ZooError(f"no member matches {word!r}: {self._available()}")
            return globbed
        if word.startswith("timm.") or any(member.name == word for member in self.members):
            return (self.member(word),)
        raise ZooError(f"no member or group is called {word!r}: {self._help(word)}")

    def _help(self, word: str) -> str:
        known = [*self.groups, *(member.name for member in self.members)]
        near = difflib.get_close_matches(word.lower(), dict.fromkeys(known), n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return meant + self._available()

    def _available(self) -> str:
        names = ", ".join(member.name for member in self.members)
        return (
            f"there are the groups {', '.join(self.groups)}, the members {names}, globs like "
            "'deep-*', and timm:NAME for any network of timm"
        )


def _timm_member(name: str) -> Member:
    from zoo import timm_networks  # imports timm, and with it torch, when a network is looked up

    return timm_networks.any_member(name)


def load_catalogue(zoo_files: Sequence[Path] = ()) -> Catalogue:
    """Find every member: those of the zoo, of installed packages, and of `zoo_files`.

    A user's file defines `MEMBERS` (a sequence of `Member`) or `MEMBER` (one).
    Raises `ZooError` for a file that cannot be used and for two members of one name.
    """
    found: list[tuple[Member, str]] = []
    for module in pkgutil.iter_modules(zoo.members.__path__, "zoo.members."):
        found += _members_of(importlib.import_module(module.name), module.name)
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        found += _members_of_entry_point(entry_point)
    shipped = len(found)
    for path in zoo_files:
        found += _members_of(_import_file(path), str(path))
    _refuse_duplicates(found)
    return Catalogue(
        members=tuple(member for member, _ in found),
        added=tuple(member.name for member, _ in found[shipped:]),
    )


def _members_of(module: ModuleType, origin: str) -> list[tuple[Member, str]]:
    """The members that `module` exports, each with where it comes from."""
    if hasattr(module, "MEMBERS"):
        exported = module.MEMBERS
        members = list(exported) if isinstance(exported, Iterable) else [exported]
    elif hasattr(module, "MEMBER"):
        members = [module.MEMBER]
    else:
        raise ZooError(
            f"{origin} defines no members: accepted are MEMBERS = (Member(...), ...) "
            "or MEMBER = Member(...)"
        )
    for value in members:
        if not isinstance(value, Member):
            raise ZooError(
                f"{origin} lists {value!r} among its members, which is a {type(value).__name__}: "
                "accepted are zoo.member.Member objects"
            )
    return [(member, origin) for member in members]


def _members_of_entry_point(
    entry_point: importlib.metadata.EntryPoint,
) -> list[tuple[Member, str]]:
    """An entry point names a module that exports members."""
    owner = entry_point.dist.name if entry_point.dist else "an installed package"
    try:
        module = entry_point.load()
    # The package is foreign code: whatever it raises on import is its fault and is named as such.
    except (Exception, SystemExit) as error:
        raise ZooError(
            f"the members {entry_point.name!r} of the installed package {owner!r} cannot be "
            f"imported ({type(error).__name__}: {error}): mend or uninstall the package"
        ) from error
    return _members_of(module, f"the installed package {owner!r} ({entry_point.value})")


def _import_file(path: Path) -> ModuleType:
    """Run a user's file as a module of its own."""
    if not path.is_file():
        raise ZooError(f"there is no file {path}: --zoo takes a Python file that defines MEMBERS")
    path = path.resolve()
    name = f"zoo_file_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ZooError(f"{path} is no Python file: --zoo takes a file that ends in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickling look their module up
    try:
        specification.loader.exec_module(module)
    # A user's file may fail in any way; the message says where, and the cause is kept.
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ZooError(f"{path}, {_place(error, path)}: {_reason(error)}") from error
    return module


def _place(error: Exception | SystemExit, path: Path) -> str:
    """The deepest line of the user's file that the error went through."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return f"line {lines[-1]}" if lines else "while it was imported"


def _reason(error: Exception | SystemExit) -> str:
    """In one line, whatever lines the error has."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}"
    told = " ".join(str(error).split())
    return told if isinstance(error, ZooError) else f"{type(error).__name__}: {told}"


def _refuse_duplicates(found: Iterable[tuple[Member, str]]) -> None:
    origins: dict[str, str] = {}
    for member, origin in found:
        # Names are folders, and some file systems do not tell capitals apart.
        key = member.name.lower()
        if key in origins:
            raise ZooError(
                f"two members are called {member.name!r}, one in {origins[key]} and one in "
                f"{origin}: rename one of them"
            )
        origins[key] = origin
