"""Ends a program hard at any one of its operations on files, or lets the disk fail from there on.

`Disk` takes the place of the operations that change files. At the chosen one it leaves, half of it
done where it is a write. A power cut also takes what was never fsynced: the contents of such files,
and changes of names in folders that were not fsynced afterwards. A disk that fails raises instead.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

CRASHED = 42
NEVER = 10**9
FREEING = ("unlink", "rmdir")
EVERYTHING = ("open", "write", "fsync", "rename", "mkdir", *FREEING)
FAILURES = {
    "full": (errno.ENOSPC, tuple(name for name in EVERYTHING if name not in FREEING)),
    "unsynced": (errno.EIO, ("fsync",)),
    "read-only": (errno.EROFS, EVERYTHING),
}
"""The ways in which a disk fails: the error, and the operations that it hits."""


class Disk:
    """From `install` on, counts the operations on files and leaves at number `crash_at`, or, given
    one of `FAILURES`, fails from there on."""

    def __init__(
        self, crash_at: int = NEVER, *, power_cut: bool = False, failure: str | None = None
    ) -> None:
        self._crash_at, self._power_cut, self._failure = crash_at, power_cut, failure
        self._real = {
            name: getattr(os, name)
            for name in ("fsync", "replace", "rename", "unlink", "remove", "mkdir", "rmdir")
        }
        self._open = io.open
        self._unsynced: set[str] = set()
        self._undo: list[tuple[str, Callable[[], None]]] = []
        self.operations: list[tuple[str, str]] = []

    def install(self) -> Disk:
        """Take the place of the real operations."""
        io.open = self._opened  # type: ignore[assignment]
        os.fsync = self._fsync  # type: ignore[assignment]
        os.replace = os.rename = self._renamed  # type: ignore[assignment]
        os.unlink = os.remove = self._unlinked  # type: ignore[assignment]
        os.mkdir, os.rmdir = self._made, self._removed  # type: ignore[assignment]
        return self

    def uninstall(self) -> None:
        """Give the real operations back."""
        io.open = self._open
        for name, operation in self._real.items():
            setattr(os, name, operation)

    def step(self, name: str, path: str, half: Callable[[], None] | None = None) -> None:
        """One more operation is about to happen."""
        self.operations.append((name, path))
        if len(self.operations) < self._crash_at:
            return
        if self._failure is not None and name not in FAILURES[self._failure][1]:
            return
        if half is not None:
            half()
        if self._failure is not None:
            code = FAILURES[self._failure][0]
            raise OSError(code, os.strerror(code))
        self.uninstall()
        if self._power_cut:
            self._lose()
        os._exit(CRASHED)

    def _lose(self) -> None:
        for path in self._unsynced:
            with contextlib.suppress(OSError):
                os.truncate(path, 0)
        for _, undo in reversed(self._undo):
            with contextlib.suppress(OSError):
                undo()

    def _changed(self, path: str, undo: Callable[[], None]) -> None:
        self._undo.append((str(Path(path).parent), undo))

    def _opened(self, path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if not set(mode) & set("wxa+"):
            return self._open(path, mode, *rest, **options)
        place = _absolute(path, None)
        self.step("open", place)
        new = not Path(place).exists()
        file = self._open(path, mode, *rest, **options)
        if new:
            self._changed(place, lambda: self._real["unlink"](place))
        return _File(self, file, place)

    def written(self, path: str) -> None:
        """`path` has contents now that no fsync has saved."""
        self._unsynced.add(path)

    def _fsync(self, descriptor: int) -> None:
        place = _path_of(descriptor)
        self.step("fsync", place)
        self._real["fsync"](descriptor)
        self._unsynced.discard(place)
        self._undo = [(folder, undo) for folder, undo in self._undo if folder != place]

    def _renamed(self, source: Any, target: Any, **options: Any) -> None:
        old, new = _absolute(source, None), _absolute(target, None)
        self.step("rename", new)
        before = Path(new).read_bytes() if Path(new).is_file() else None
        self._real["replace"](old, new, **options)
        moved = {path for path in self._unsynced if path == old or path.startswith(f"{old}/")}
        self._unsynced -= moved
        self._unsynced |= {new + path[len(old) :] for path in moved}

        def undo() -> None:
            self._real["replace"](new, old)
            if before is not None:
                self._restore(new, before)

        self._changed(new, undo)

    def _restore(self, path: str, data: bytes) -> None:
        with self._open(path, "wb") as file:
            file.write(data)

    def _unlinked(self, path: Any, *, dir_fd: int | None = None) -> None:
        place = _absolute(path, dir_fd)
        if Path(place).exists():
            self.step("unlink", place)
            before = Path(place).read_bytes()
            self._changed(place, lambda: self._restore(place, before))
        self._real["unlink"](path, dir_fd=dir_fd)

    def _made(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        place = _absolute(path, dir_fd)
        self.step("mkdir", place)
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        self._changed(place, lambda: shutil.rmtree(place))

    def _removed(self, path: Any, *, dir_fd: int | None = None) -> None:
        place = _absolute(path, dir_fd)
        self.step("rmdir", place)
        self._real["rmdir"](path, dir_fd=dir_fd)
        self._changed(place, lambda: self._real["mkdir"](place))


class _File:
    """A file that is written: each write may be the last thing that half happens."""

    def __init__(self, disk: Disk, file: Any, path: str) -> None:
        self._disk, self._file, self._path = disk, file, path

    def write(self, data: Any) -> int:
        def half() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        self._disk.written(self._path)
        self._disk.step("write", self._path, half)
        count: int = self._file.write(data)
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _absolute(path: Any, dir_fd: int | None) -> str:
    return str((Path(_path_of(dir_fd)) if dir_fd is not None else Path.cwd()) / path)


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def crash(act: Callable[[], None], number: int, *, power_cut: bool) -> bool:
    """Run `act` in a child that ends hard at operation `number`; whether it got that far."""
    child = os.fork()
    if child == 0:
        try:
            Disk(number, power_cut=power_cut).install()
            act()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, CRASHED):
        raise AssertionError(f"the child ended with {code} at operation {number}")
    return code == CRASHED


def fail(act: Callable[[], object], number: int, failure: str) -> str:
    """Run `act` on a disk that fails from operation `number` on; return what it raised, or ''."""
    disk = Disk(number, failure=failure).install()
    try:
        act()
    except (OSError, AssertionError) as error:
        return str(error)
    finally:
        disk.uninstall()
    return ""
