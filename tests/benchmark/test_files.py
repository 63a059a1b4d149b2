"""Durable writes: the order of what is done, what failing leaves behind, and seals."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.files import (
    abandoned,
    canonical_json,
    digest,
    is_sealed,
    make_folder,
    sealed,
    set_aside,
    sync_folder,
    write_bytes,
)
from tests.benchmark.crashing import Disk

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False).filter(math.isfinite),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def test_a_write_syncs_the_file_before_the_rename_and_every_new_name_after_it(
    tmp_path: Path,
) -> None:
    disk = Disk().install()
    try:
        write_bytes(tmp_path / "a" / "b" / "file", b"data")
    finally:
        disk.uninstall()
    done = [(name, Path(path).relative_to(tmp_path)) for name, path in disk.operations]
    temporary = done[4][1]
    assert temporary.parent == Path("a/b") and temporary.name.startswith(f"file.{os.getpid()}-")
    assert done == [
        ("mkdir", Path("a")),
        ("fsync", Path()),
        ("mkdir", Path("a/b")),
        ("fsync", Path("a")),
        ("open", temporary),
        ("write", temporary),
        ("fsync", temporary),
        ("rename", Path("a/b/file")),
        ("fsync", Path("a/b")),
    ]
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"data"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_an_fsync_that_fails_names_the_file_and_leaves_the_old_one(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def failing(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError) as caught:
        write_bytes(path, b"new")
    assert str(caught.value) == f"[Errno {code}] {os.strerror(code)}: '{path}'"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_synced_is_an_error_unless_the_file_system_has_no_such_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(code: int) -> Any:
        def fsync(descriptor: int) -> None:
            raise OSError(code, os.strerror(code))

        return fsync

    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_bytes(b"")
    with pytest.raises(NotADirectoryError) as caught:
        write_bytes(tmp_path / "results" / "deep" / "file", b"new")
    assert str(caught.value) == (
        f"[Errno {errno.ENOTDIR}] Not a directory: '{tmp_path / 'results' / 'deep' / 'file'}'"
    )


def test_an_interrupted_write_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_there_are_left_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a")
    (tmp_path / "a" / "kept").write_bytes(b"")
    make_folder(tmp_path / "a")
    assert (tmp_path / "a" / "kept").exists()


def test_only_temporary_files_of_dead_processes_are_abandoned(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = ended.pid
    assert abandoned(tmp_path / f"manifest.json.{dead}-0123abcd.tmp")
    assert not abandoned(tmp_path / f"manifest.json.{os.getpid()}-0123abcd.tmp")
    assert not abandoned(tmp_path / "manifest.json.1-0123abcd.tmp")  # alive, not ours
    assert not abandoned(tmp_path / f"manifest.json.{10**30}-0123abcd.tmp")
    assert not abandoned(tmp_path / "notes.tmp")
    assert not abandoned(tmp_path / "manifest.json")


def test_what_is_set_aside_never_takes_the_place_of_something_kept(tmp_path: Path) -> None:
    places = []
    for content in (b"first", b"second"):
        (tmp_path / "file").write_bytes(content)
        places.append(set_aside(tmp_path / "file", tmp_path / "damaged", "file"))
    assert places == [tmp_path / "damaged" / "file-1", tmp_path / "damaged" / "file-2"]
    assert [place.read_bytes() for place in places] == [b"first", b"second"]
    assert not (tmp_path / "file").exists()


@given(JSON, JSON)
def test_a_digest_is_equal_exactly_for_equal_values(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (digest(one) == digest(other))
    assert digest(canonical_json(one)) == digest(one)


@settings(max_examples=40)
@given(st.dictionaries(st.text().filter(lambda name: name != "checksum"), JSON, min_size=1))
def test_a_seal_holds_and_breaks_with_any_field(fields: dict[str, Any]) -> None:
    whole = sealed(fields)
    assert is_sealed(whole)
    for name in whole:
        assert not is_sealed({**whole, name: "something else entirely"})
        assert not is_sealed({key: value for key, value in whole.items() if key != name})


@pytest.mark.parametrize(
    "value", [None, 3, [], {}, {"checksum": 1}, {"a": math.nan, "checksum": ""}]
)
def test_what_has_no_seal_is_not_sealed(value: Any) -> None:
    assert not is_sealed(value)
