"""`run-all --members all` from end to end: every member of the catalogue, up to the page.

On 100 small images and with one epoch of the quick profile, which is what a CPU can do in a minute;
the same command with `--profile paper` is the full run on a GPU.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmark.stages import gather
from reports import page
from reports.findings import Findings
from reports.study import Study
from tests.benchmark.runner import ROOT, SMALL
from zoo.catalogue import load_catalogue

BRIEF = """
import dataclasses
from functools import partial
from zoo import job, profiles
profiles.PROFILES["quick"] = dataclasses.replace(profiles.PROFILES["quick"], epochs=1)
job.latency_ms = partial(job.latency_ms, repeats=1)
"""
"""One epoch, and one image's time measured once: most of the time would go there."""
CATALOGUE = load_catalogue()
NAMES = {member.name for member in CATALOGUE.members}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the whole run, which exits with 0 without ImageNet weights."""
    results = tmp_path_factory.mktemp("full")
    words = ["run-all", "--members", "all", "--no-pretrained", "--device", "cpu"]
    words += ["--jobs", "1"]  # another process would not be brief
    done = subprocess.run(
        [sys.executable, "-c", BRIEF + SMALL, *words, "--results", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NAMES)} trained, 0 reused, 0 failed" in done.stdout
    return results / "faces-quick"


@pytest.fixture(scope="module")
def study(root: Path) -> Study:
    return gather(root)


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / "tables" / f"{name}.csv")


def test_every_member_stands_in_the_tables(root: Path) -> None:
    assert set(table(root, "members")["member"]) == NAMES
    assert set(table(root, "contributions")["member"]) == NAMES
    for name in ("per_class", "significance"):
        rows = table(root, name)
        assert set(rows[rows["kind"] == "member"]["method"]) == NAMES
    pairs = table(root, "pairs")
    assert {*pairs["first"], *pairs["second"]} >= NAMES


def test_the_tables_say_who_had_no_imagenet_weights(root: Path) -> None:
    members = table(root, "members")
    pretrained = {member.name for member in CATALOGUE.members if member.recipe.pretrained}
    assert len(pretrained) == 2
    bare = members[members["weights"] == "random (not ImageNet)"]["member"]
    assert set(bare) == pretrained


def test_every_group_is_compared_by_itself(root: Path) -> None:
    rows = table(root, "groups")
    found = {group: set(part["group_members"]) for group, part in rows.groupby("group")}
    assert found == {
        group: {len(names)} for group, names in CATALOGUE.groups.items() if len(names) > 1
    }
    for _, part in rows.groupby("group"):
        assert list(part["chosen"]).count("yes") == 1
        assert {"single_best", "average", "best_subset", "greedy"} <= set(part["method"])


def test_the_committee_has_the_families_of_the_catalogue(root: Path, study: Study) -> None:
    assert len(set(study.families.values())) == 12
    ensembles = table(root, "ensembles").set_index("method")
    assert ensembles.loc["committee_average_mean", "detail"] == "12 families"
    manifest = json.loads((root / "logits" / "wrn-16-4" / "seed0" / "manifest.json").read_text())
    assert manifest["family"] == "wide-resnet"
    assert "wide-resnet" not in json.dumps(manifest["decides"])


def test_subsets_of_so_many_members_are_called_a_sample(root: Path) -> None:
    assert set(table(root, "subsets")["counted"]) == {"sample"}
    said = "With so many members not every subset could be counted: these are of a sample."
    for name in ("subsets", "contributions"):
        assert said in (root / "tables" / f"{name}.md").read_text()
    assert "members (a sample of the subsets)" in (root / "figures" / "growth.svg").read_text()
    nine = (root / "figures" / "growth_nine.svg").read_text()
    assert "a sample" not in nine
    assert "best with 8 of 9 members" in nine


def test_the_page_holds_every_member_below_its_limit(root: Path) -> None:
    html = (root / "report.html").read_bytes()
    assert len(html) < page.LIMIT
    text = html.decode()
    assert all(name in text for name in NAMES)
    assert "Groups of members" in text


def test_the_page_names_who_does_not_fit_into_its_explorer(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = Findings.of(study, ("single_best", "average")).comparison
    said = "This file has room for"
    whole = page.page_html(study, comparison, (), ())
    assert said not in whole
    monkeypatch.setattr(page, "LIMIT", len(whole.encode()) - 4_000)
    text = page.page_html(study, comparison, (), ())
    assert len(text.encode()) <= page.LIMIT
    told = " ".join(text[text.index(said) :].split("</p>", 1)[0].split())
    match = re.fullmatch(
        r"This file has room for (\d+) members: first the ensembles that validation chose, where "
        r"they fit whole, then the group nine, then the most accurate on validation\. Left out "
        r"here, in the tables only: ([^.]+)\.",
        told,
    )
    assert match is not None
    left_out = match[2].split(", ")
    assert 0 < len(left_out) == len(NAMES) - int(match[1])
    assert set(left_out) <= NAMES
