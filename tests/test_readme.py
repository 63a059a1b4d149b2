"""The figures of the README are those of the tables that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = ROOT / "results" / "fer2013-quick" / "tables"
METHODS = {
    "Stacking": "stacking",
    "Best subset": "best_subset",
    "Exponential": "exponential",
    "Accuracy-weighted": "accuracy",
    "Per-class weighted": "per_class",
    "Simple average": "average",
    "Majority vote": "vote",
    "Best single network": "single_best",
}

pytestmark = pytest.mark.skipif(not TABLES.exists(), reason="no results are shipped")


def rows() -> list[list[str]]:
    """The cells of the README's table of methods."""
    lines = [line for line in README.splitlines() if line.startswith("|") and "±" in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_methods_is_an_excerpt_of_the_ensembles() -> None:
    ensembles = pd.read_csv(TABLES / "ensembles.csv").set_index("method")
    assert len(rows()) == len(METHODS)
    for label, *cells in rows():
        (method,) = (METHODS[name] for name in METHODS if label.startswith(name))
        row = ensembles.loc[method]
        half = (row["test_high"] - row["test_low"]) / 2
        shown = [
            f"{100 * row['val_accuracy']:.1f}",
            f"{100 * row['test_accuracy']:.1f} ± {100 * half:.1f}",
            f"{100 * row['test_accuracy_unique']:.1f}",
            f"{100 * row['macro_f1']:.1f}",
        ]
        assert cells == shown, method


def test_the_number_of_methods_is_that_of_the_table() -> None:
    ranked = pd.read_csv(TABLES / "ensembles.csv")["ranked"]
    assert f"excerpt of {(ranked == 'yes').sum()} methods" in " ".join(README.split())


def test_what_is_learnt_is_what_the_tables_say() -> None:
    said = " ".join(README.split())
    claims = pd.read_csv(TABLES / "claims.csv").set_index("claim")

    def interval(claim: str) -> list[float]:
        return [100 * float(x) for x in claims.loc[claim, ["ours", "ours_low", "ours_high"]]]

    gain, low, high = interval("An ensemble is better than the best single network")
    assert f"{gain:.1f} points above the best single network" in said
    assert f"interval {low:.1f} to {high:.1f})" in said
    helps, low, high = interval("Adding a member almost always helps")
    assert f"{helps:.0f} % of all additions to all subsets ({low:.0f} to {high:.0f} %)" in said
    below, _, _ = interval(
        "Adding a member helps even where it is below the average of those before"
    )
    assert f"in {below:.0f} % where it is below the average" in said
    optimism = pd.read_csv(TABLES / "selection_cost.csv").set_index("method")["optimism"]
    (lost,) = re.findall(r"greedy selection loses ([\d.]+) points", said)
    assert lost == f"{100 * optimism['greedy']:.1f}"
    (least,) = re.findall(r"accuracy weighting ([\d.]+)\.", said)
    assert least == f"{100 * optimism['accuracy']:.2f}"
