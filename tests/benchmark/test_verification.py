"""`verify`: what is damaged, stale, of another version or left over, and what repairing does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import RequestError
from benchmark.samples import facts_of, write_samples
from benchmark.store import LogitsStore
from benchmark.verification import Problem, verify_roots
from tests.benchmark import small
from tests.benchmark.runner import ROOT, TINY_ZOO
from tests.benchmark.test_store import rewritten
from zoo.catalogue import load_catalogue
from zoo.profiles import PROFILES

MEMBER = "deep-a"


def fields(**changed: Any) -> dict[str, Any]:
    """What a quick training of a member of the zoo leaves in its manifest."""
    profile = PROFILES["quick"]
    recipe = replace(profile.recipe(load_catalogue().member(MEMBER)), **changed).as_dict()
    decides = {"training": 1, "recipe": recipe, "width": 0.25, "train_limit": 3000}
    return {**small.fields(1), "decides": decides, "recipe": recipe}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with samples and one whole entry of today's recipe."""
    root = tmp_path / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    LogitsStore(root).commit(MEMBER, 0, small.logits(1), fields())
    return root


def problems(root: Path, **options: Any) -> list[Problem]:
    return verify_roots([root], **options)[0]


def test_a_whole_store_of_todays_recipes_has_no_problems(root: Path) -> None:
    assert verify_roots([root]) == ([], 1)
    assert verify_roots([root], repair=True) == ([], 1)


def test_no_store_is_a_senseless_request() -> None:
    with pytest.raises(RequestError) as caught:
        verify_roots([])
    assert str(caught.value) == (
        "there are no results here: name the folder that holds them with --results"
    )


def test_a_recipe_of_the_past_is_stale_and_the_field_is_named(root: Path) -> None:
    LogitsStore(root).commit(MEMBER, 0, small.logits(1), fields(learning_rate=0.125))
    today = PROFILES["quick"].recipe(load_catalogue().member(MEMBER)).learning_rate
    assert problems(root, repair=True) == [
        Problem(
            f"faces-quick/{MEMBER}/seed0",
            "stale",
            f"changed: recipe.learning_rate (0.125 before, {today} now)",
        )
    ]
    assert LogitsStore(root).read(MEMBER, 0) is not None  # stale is not removed


def test_a_meaning_of_recipes_of_the_past_is_stale(root: Path) -> None:
    old = {**fields(), "decides": {**fields()["decides"], "training": 0}}
    LogitsStore(root).commit(MEMBER, 0, small.logits(1), old)
    assert [p.reason for p in problems(root)] == ["changed: training (0 before, 1 now)"]


def test_training_without_pretrained_weights_is_not_stale_for_that(root: Path) -> None:
    pretrained = [m.name for m in load_catalogue().members if m.recipe.pretrained]
    recipe = PROFILES["quick"].recipe(load_catalogue().member(pretrained[0]))
    bare = replace(recipe, pretrained=False).as_dict()
    decides = {**fields()["decides"], "recipe": bare}
    LogitsStore(root).commit(
        pretrained[0],
        0,
        small.logits(2),
        {**fields(), "decides": decides, "recipe": bare, "pretrained": False},
    )
    assert problems(root) == []


def test_members_of_a_users_file_are_compared_when_it_is_given(root: Path) -> None:
    LogitsStore(root).commit("tiny-a", 0, small.logits(2), fields())
    assert problems(root) == []
    (problem,) = problems(root, zoo=[TINY_ZOO])
    assert problem.kind == "stale"
    assert problem.reason.startswith("changed: recipe.")


def test_logits_of_other_samples_are_stale(root: Path) -> None:
    other = {**fields(), "dataset": {"name": "faces", "samples": {"test": "another"}}}
    LogitsStore(root).commit(MEMBER, 0, small.logits(1), other)
    assert [(p.kind, p.reason) for p in problems(root)] == [
        ("stale", "its logits belong to other images or labels")
    ]


def test_another_schema_is_listed_with_the_way_forward(root: Path) -> None:
    small.commit(root, 1)
    path = rewritten(root, schema=9)
    assert [(p.place, p.kind, p.reason) for p in problems(root, repair=True)] == [
        (
            "faces-quick/one/seed0",
            "schema",
            f"{path} was written with schema 9: accepted is schema 1; use the version that wrote "
            "it, or train into another folder with --results",
        )
    ]
    assert path.exists()


def test_a_missing_half_of_the_samples_is_damage(root: Path) -> None:
    path = root / "samples" / "test.safetensors"
    path.unlink()
    assert problems(root) == [
        Problem(
            "faces-quick/samples/test",
            "damaged",
            f"{path} is missing; `python -m benchmark train` with the same data writes it again, "
            "and no member is trained again for it",
        )
    ]


def test_what_killed_processes_left_is_listed_and_removed(root: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    home = root / "logits" / MEMBER
    (home / "seed0.next").mkdir()
    (home / "seed0.old").mkdir()
    (root / "tables").mkdir()
    dead = root / "tables" / f"members.csv.{ended.pid}-00c0ffee.tmp"
    living = root / "tables" / f"members.md.{os.getpid()}-00c0ffee.tmp"
    for path in (dead, living, root / "notes.tmp"):
        path.write_bytes(b"half")
    found = [
        (
            f"faces-quick/{MEMBER}/seed0",
            "leftover",
            "a killed process left seed0.next, seed0.old beside it",
        ),
        (
            f"faces-quick/tables/{dead.name}",
            "leftover",
            "a temporary file whose process is gone",
        ),
    ]
    assert problems(root) == [Problem(*fields) for fields in found]
    assert dead.exists()
    assert problems(root, repair=True) == [Problem(*fields, "; removed") for fields in found]
    assert problems(root) == []
    assert not dead.exists() and living.exists() and (root / "notes.tmp").exists()


def test_what_is_no_entry_is_listed_and_never_touched(root: Path) -> None:
    (root / "logits" / "<script>" / "seed0").mkdir(parents=True)
    expected = Problem(
        "faces-quick/logits/<script>/seed0",
        "leftover",
        "no entry: its name is neither a member's nor a seed's",
    )
    assert problems(root, repair=True) == [expected]
    assert problems(root) == [expected]


def test_what_another_process_trains_now_is_left_alone(root: Path) -> None:
    path = root / "logits" / MEMBER / "seed0" / "manifest.json"
    path.write_bytes(path.read_bytes()[:-1])
    with LogitsStore(root).lock(MEMBER, 0):
        assert problems(root) == []
        assert problems(root, repair=True) == []
    assert path.exists()
    assert [p.kind for p in problems(root)] == ["damaged"]


def test_an_imported_member_is_never_stale(root: Path) -> None:
    imported = {**fields(learning_rate=9.0), "imported": True, "profile": None}
    LogitsStore(root).commit(MEMBER, 0, small.logits(1), imported)
    assert problems(root) == []


def test_the_command_line_lists_as_json_repairs_and_needs_no_torch(root: Path) -> None:
    path = root / "logits" / MEMBER / "seed0" / "test.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    broken = path.read_bytes()
    program = (
        "import sys; from benchmark.cli import run\n"
        f"codes = [run(['verify', '--results', {str(root.parent)!r}, *words])\n"
        "         for words in (['--json'], ['--repair'], [])]\n"
        "assert 'torch' not in sys.modules\n"
        "sys.exit(f'{codes}' if codes != [1, 0, 0] else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listing, rest = done.stdout.split("]\n", 1)
    assert json.loads(listing + "]") == [
        {
            "place": f"faces-quick/{MEMBER}/seed0",
            "kind": "damaged",
            "reason": f"{path} cannot be read (SafetensorError)",
            "done": "",
        }
    ]
    aside = root / "damaged" / f"{MEMBER}-seed0-1"
    assert f"set aside as {aside}" in rest.replace("\n", "")
    assert rest.splitlines()[-1] == "0 entries checked, 0 with problems"
    assert (aside / "test.safetensors").read_bytes() == broken
