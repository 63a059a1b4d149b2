"""Predictions on any problem, from a folder."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.cli import run
from benchmark.errors import RequestError, printable
from benchmark.folders import read_folder
from benchmark.stages import write_results


def make(folder: Path, classes: int = 4) -> Path:
    """Three members on 60 validation and 80 test images of a problem that is no faces."""
    rng = np.random.default_rng(0)
    for split, count in (("validation", 60), ("test", 80)):
        (folder / split).mkdir(parents=True)
        labels = rng.integers(0, classes, count)
        labels[:classes] = np.arange(classes)
        np.save(folder / split / "labels.npy", labels)
        for name, skill in (("one", 1.0), ("two", 1.5), ("three", 2.0)):
            logits = rng.normal(size=(count, classes))
            logits[np.arange(count), labels] += skill
            np.save(folder / split / f"{name}.npy", logits.astype(np.float32))
    return folder


def test_any_problem_is_scored_and_its_tables_lie_in_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "flowers")
    assert run(["score", "--predictions", str(folder)]) == 0
    assert "Simple average" in capsys.readouterr().out
    table = pd.read_csv(folder / "tables" / "ensembles.csv").set_index("method")
    logits = np.stack([np.load(folder / "test" / f"{n}.npy") for n in ("one", "three", "two")])
    exponentials = np.exp(logits.astype(float))
    probabilities = exponentials / exponentials.sum(2, keepdims=True)
    right = probabilities.mean(0).argmax(1) == np.load(folder / "test" / "labels.npy")
    assert table.loc["average", "test_accuracy"] == pytest.approx(right.mean())


def test_any_problem_has_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(tmp_path / "flowers")
    assert run(["report", "--predictions", str(folder)]) == 0
    written = int(capsys.readouterr().out.split()[0])
    made = [path for path in folder.rglob("*") if path.suffix in (".csv", ".md", ".tex")]
    drawn = [path for path in folder.rglob("*") if path.suffix in (".svg", ".png")]
    assert (folder / "tables" / "subsets.csv") in made and (folder / "report.html").exists()
    assert written == len(made) + len(drawn) + 1
    assert run(["report", "--predictions", str(folder), "--table", "papers"]) == 2
    message = "error: this study has no numbers for the table 'papers'"
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize("name", ["[", "[bold red]", "[0m\x1b[2J"])
@pytest.mark.parametrize("command", ["score", "report"])
def test_a_folder_of_any_name_is_said_as_it_stands(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / name / "]")  # "[/]" closes what rich takes for markup
    tables_only = functools.partial(write_results, only=("tables",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.stages.write_results", tables_only)
        assert run([command, "--predictions", str(folder)]) == 0
    told = capsys.readouterr()
    shown = printable(str(folder))
    ending = f"All methods: {shown}/tables/ensembles.md" if command == "score" else shown
    assert any(line.endswith(ending) for line in told.out.splitlines()), told.out
    assert told.err == "" and "\x1b" not in told.out


def test_members_are_chosen_by_name(tmp_path: Path) -> None:
    folder = make(tmp_path / "flowers")
    assert run(["score", "--predictions", str(folder), "--members", "two,one"]) == 0
    members = pd.read_csv(folder / "tables" / "members.csv")
    assert list(members["member"]) == ["two", "one"]


def test_classes_have_names_where_a_file_gives_them(tmp_path: Path) -> None:
    folder = make(tmp_path / "flowers", classes=3)
    (folder / "classes.txt").write_text("rose\ntulip\naster\n")
    assert read_folder(folder).test.classes == ("rose", "tulip", "aster")


def break_folder(folder: Path, how: str) -> str:
    """Damage `folder`; return the sentence that is then expected, with {} for the folder."""
    labels = folder / "test" / "labels.npy"
    match how:
        case "no folder":
            (folder / "test").rename(folder / "elsewhere")
            return (
                "{}/test is not a folder: accepted is a folder with validation/ and test/, each "
                "with labels and one file of predictions for every member"
            )
        case "no labels":
            labels.unlink()
            return "{}/test has no labels: accepted is labels.npy or labels.csv"
        case "label too large":
            values = np.load(labels)
            values[5] = 9
            np.save(labels, values)
            return "{}/test/labels.npy: row 6 is 9: accepted are whole numbers from 0 to 3"
        case "one split only":
            (folder / "test" / "two.npy").unlink()
            return (
                "{}: the member 'two' has predictions in one split only: accepted are the same "
                "members in validation/ and test/"
            )
    raise AssertionError(how)


@pytest.mark.parametrize("how", ["no folder", "no labels", "label too large", "one split only"])
def test_whatever_is_wrong_gets_one_sentence(tmp_path: Path, how: str) -> None:
    folder = make(tmp_path / "flowers")
    message = break_folder(folder, how).format(folder)
    with pytest.raises(RequestError) as caught:
        read_folder(folder)
    assert str(caught.value) == message
