"""The command line as users meet it: runs, reuse, imports, clear errors, no torch to score."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from benchmark.cli import run
from reports.report import PANELS
from tests.benchmark.runner import ROOT, benchmark, tiny

CONTRACT = [
    *("method", "members", "val_accuracy", "test_accuracy", "test_low", "test_high"),
    *("test_accuracy_unique", "macro_f1", "log_loss", "brier", "ece"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one run of the tiny networks; tests that change them take a copy."""
    results = tmp_path_factory.mktemp("results")
    done = benchmark("run-all", *tiny(results))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 trained, 0 reused, 0 failed" in done.stdout
    assert "Simple average" in done.stdout
    return results


def test_a_run_leaves_everything_the_contract_names(finished: Path) -> None:
    root = finished / "faces-quick"
    for split, count in (("validation", 1000), ("test", 1000)):
        samples = load_file(root / "samples" / f"{split}.safetensors")
        assert samples["labels"].dtype == np.int64
        assert samples["duplicate"].dtype == np.uint8
        assert samples["labels"].shape == samples["duplicate"].shape == (count,)
        for member in ("tiny-a", "tiny-b", "tiny-c"):
            tensors = load_file(root / "logits" / member / "seed0" / f"{split}.safetensors")
            assert list(tensors) == ["logits"]
            assert tensors["logits"].shape == (count, 7)
            assert tensors["logits"].dtype == np.float32
    manifest = json.loads((root / "logits" / "tiny-c" / "seed0" / "manifest.json").read_text())
    assert manifest["key"] and manifest["parameters"] > 0 and manifest["macs"] > 0
    assert [epoch["epoch"] for epoch in manifest["history"]] == [1, 2, 3]
    table = pd.read_csv(root / "tables" / "ensembles.csv")
    assert list(table.columns[: len(CONTRACT)]) == CONTRACT
    assert {"average", "accuracy", "per_class", "exponential", "vote"} <= set(table["method"])
    assert table[CONTRACT[2:8]].apply(lambda column: column.between(0, 1).all()).all()
    for name in ("members", "ensembles", "per_class"):
        for suffix in ("csv", "md", "tex"):
            assert (root / "tables" / f"{name}.{suffix}").stat().st_size > 100
    assert (root / "report.html").stat().st_size < 3_000_000
    assert list((root / "figures").glob("confusion*.svg"))
    assert list((root / "figures").glob("learning_curves*.png"))


def test_the_same_command_reuses_every_member(finished: Path, tmp_path: Path) -> None:
    results = shutil.copytree(finished, tmp_path / "results")
    before = (results / "faces-quick" / "tables" / "ensembles.csv").read_bytes()
    done = benchmark("run-all", *tiny(results))
    assert done.returncode == 0, done.stderr
    assert "0 trained, 3 reused, 0 failed" in done.stdout
    assert "files stand as they were written" in done.stdout
    assert "Simple average" in done.stdout
    assert (results / "faces-quick" / "tables" / "ensembles.csv").read_bytes() == before


def test_a_changed_recipe_is_stale_and_says_what_changed(finished: Path, tmp_path: Path) -> None:
    results = shutil.copytree(finished, tmp_path / "results")
    zoo = tmp_path / "zoo.py"
    source = (ROOT / "tests" / "benchmark" / "tiny_zoo.py").read_text()
    zoo.write_text(source.replace("learning_rate=0.002", "learning_rate=0.001"))
    done = benchmark("train", "tiny-a", "--zoo", zoo, "--results", results)
    assert done.returncode == 0, done.stderr
    assert (
        "stale tiny-a, trained again; changed: recipe.learning_rate (0.002 before, 0.001 now)"
        in done.stdout
    )


def test_score_and_report_repeat_the_bytes_without_torch(finished: Path, tmp_path: Path) -> None:
    results = shutil.copytree(finished, tmp_path / "results")
    root = results / "faces-quick"
    # Pictures of faces need the dataset; everything else comes from the logits.
    drawn = [path for path in (root / "figures").glob("*.svg") if path.stem not in PANELS]
    made = sorted([*(root / "tables").iterdir(), *drawn])
    before = {path: path.read_bytes() for path in [*made, root / "report.html"]}
    for path in before:
        path.unlink()
    program = (
        "import sys; from benchmark.cli import run\n"
        f"codes = [run(words) for words in {_torchless(results, tmp_path)!r}]\n"
        "assert codes == [0] * len(codes), codes\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    changed = [path.name for path, data in before.items() if path.read_bytes() != data]
    assert changed == []


def _torchless(results: Path, folder: Path) -> list[list[str]]:
    place = ["--results", str(results)]
    return [
        ["score", *place],
        ["report", *place],
        ["report", *place, "--table", "ensembles", "--format", "latex"],
        ["members", "--json"],
        ["verify", *place],
        ["audit"],
    ]


def test_imported_predictions_become_a_member(finished: Path, tmp_path: Path) -> None:
    results = shutil.copytree(finished, tmp_path / "results")
    root = results / "faces-quick"
    paths = {}
    for split in ("validation", "test"):
        labels = load_file(root / "samples" / f"{split}.safetensors")["labels"]
        probabilities = np.full((len(labels), 7), 0.05)
        probabilities[np.arange(len(labels)), labels] = 0.7
        paths[split] = tmp_path / f"{split}.npy"
        np.save(paths[split], probabilities)
    done = benchmark(
        *("import-logits", "seer", "--validation", paths["validation"], "--test", paths["test"]),
        *("--results", results),
    )
    assert done.returncode == 0, done.stderr
    assert benchmark("score", "--results", results).returncode == 0
    members = pd.read_csv(root / "tables" / "members.csv").set_index("member")
    assert members.loc["seer", "test_accuracy"] == 1.0
    ensembles = pd.read_csv(root / "tables" / "ensembles.csv").set_index("method")
    assert ensembles.loc["single_best", "detail"] == "seer"
    only = benchmark("score", "--results", results, "--members", "tiny-a,seer", "--json")
    rows = {row["method"]: row for row in json.loads(only.stdout)}
    assert rows["average"]["members"] == 2


def test_one_broken_member_does_not_stop_the_others(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo.py"
    source = (ROOT / "tests" / "benchmark" / "tiny_zoo.py").read_text()
    # Adaptive rates are capped in the quick profile, those of plain SGD are not.
    broken = "\nMEMBERS[0].recipe.__dict__.update(optimizer='sgd', learning_rate=1e30)\n"
    zoo.write_text(source + broken)
    done = benchmark("run-all", "--zoo", zoo, "--results", tmp_path, "--members", "tiny")
    assert done.returncode == 1
    assert "FAILED tiny-a: the loss is not finite in epoch 1" in done.stdout
    assert "2 trained, 0 reused, 1 failed" in done.stdout
    assert (tmp_path / "faces-quick" / "logs" / "tiny-a-seed0.log").read_text()
    caption = (tmp_path / "faces-quick" / "tables" / "members.md").read_text()
    assert "tiny-a" in caption and "the loss is not finite" in caption


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run-all", "--dataset", "fer2014"],
            "error: there is no dataset 'fer2014': accepted are faces, fer2013, expw",
        ),
        (
            ["run-all", "--profile", "fast"],
            "error: there is no profile 'fast': accepted are paper, quick",
        ),
        (["run-all", "--seeds", "0"], "error: --seeds is 0: accepted are whole numbers from 1"),
        (
            ["run-all", "--device", "tpu"],
            "error: there is no device 'tpu': accepted are auto, cpu, cuda",
        ),
        (
            ["score", "--results", "no/such/folder"],
            "error: there are no results in no/such/folder/faces-quick: run `python -m benchmark "
            "run-all` first, or name the folder that holds them with --results",
        ),
        (
            ["verify", "--results", "no/such/folder"],
            "error: there are no results here: name the folder that holds them with --results",
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_a_senseless_request_gets_one_sentence_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.strip() == message


def test_what_a_message_quotes_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "two\nlines\x1b[2J\udcff"
    assert run(["score", "--results", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(
        f"error: there are no results in {tmp_path}/two\\nlines\\x1b[2J\\udcff/faces-quick: run "
    )
    table = tmp_path / "faces.csv"
    table.write_bytes(b"\x1b]0;mine\x07,\x1c\n")
    assert run(["data", "check", str(table)]) == 2
    assert "(found: \\x1b]0;mine\\x07, ): accepted" in capsys.readouterr().err


def test_every_sentence_is_said_in_the_one_way_that_is_safe() -> None:
    texts = {path: path.read_text() for path in (ROOT / "benchmark").rglob("*.py")}
    printed = [line for text in texts.values() for line in re.findall(r"\.print\((.*)", text)]
    # Tables, a line put together of texts, and `say` itself.
    assert set(printed) == {"grid)", "line, soft_wrap=True)", "cell(text, style), soft_wrap=True)"}


def test_an_unknown_member_gets_the_nearest_match(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run-all", "--members", "depe-a"]) == 2
    assert "did you mean 'deep-a'?" in capsys.readouterr().err


def test_usage_errors_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_interrupting_keeps_what_is_finished(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmark.stages.gather", interrupt)
    assert run(["score", "--results", str(finished)]) == 130
    assert "what is finished is kept" in capsys.readouterr().err


def test_published_parameter_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["members", "--json"]) == 0
    counts = {row["name"]: row["parameters"] for row in json.loads(capsys.readouterr().out)}
    for letter in "abc":
        assert counts[f"deep-{letter}"] == pytest.approx(4.5e6, rel=0.03)
        assert counts[f"shallow-{letter}"] == pytest.approx(9.5e6, rel=0.03)
        assert counts[f"fcn-{letter}"] == pytest.approx(464_000, rel=0.01)
