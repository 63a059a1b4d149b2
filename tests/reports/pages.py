"""Studies and pages for the tests of the page, made once, and what Python computes of them."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from typing import Any

import numpy as np

from ensembles import fusion, metrics, weighting
from ensembles.evidence import Evidence
from ensembles.fusion import Combiner
from ensembles.methods import CORE
from ensembles.predictions import Floats
from ensembles.scoring import Comparison, compare, interval
from reports.page import page_html
from reports.page_data import WEIGHTINGS
from reports.study import Study
from reports.tables import Table, make_table
from tests.reports import factory

SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="72pt" height="36pt" viewBox="0 0 72 36"><metadata>made</metadata>'
    '<defs><style type="text/css">*{stroke-linejoin: round}</style>'
    '<clipPath id="clip"><rect width="9" height="9"/></clipPath><path id="mark" d="M 0 0"/></defs>'
    '<g clip-path="url(#clip)"><use xlink:href="#mark" style="fill: #0072b2; stroke: none"/></g>'
    "<text style=\"font: bold 9px 'DejaVu Sans', 'Arial'; text-anchor: middle\">a &lt; b</text>"
    "</svg>"
)


def stored(study: Study) -> Study:
    """The study with logits in the precision of the store."""

    validation, test = (
        dataclasses.replace(split, logits=split.logits.astype(np.float32).astype(np.float64))
        for split in (study.validation, study.test)
    )
    return dataclasses.replace(study, validation=validation, test=test)


@cache
def nine() -> tuple[Study, Comparison]:
    """The nine networks on as many images as FER2013's test split has."""
    study = stored(factory.study())
    return study, compare(study.validation, study.test, CORE)


@cache
def hostile() -> tuple[Study, Comparison]:
    """Members and classes with names that would break a careless page."""
    study = stored(factory.hostile())
    return study, compare(study.validation, study.test, CORE)


def small_table(names: tuple[str, ...], accuracies: tuple[float | None, ...]) -> Table:
    """A table of members with one number each."""
    rows = [{"member": n, "val_accuracy": a} for n, a in zip(names, accuracies, strict=True)]
    return make_table("members", rows, ("member", "val_accuracy"), title="Members", caption="All.")


def nine_table() -> Table:
    """A table of the nine; the second member has no value."""
    return small_table(factory.NINE, (0.61, None, 0.6, 0.55, 0.54, 0.51, 0.62, 0.59, 0.57))


@cache
def nine_page() -> str:
    """The page of `nine()`, with a table and a figure."""
    study, comparison = nine()
    return page_html(study, comparison, [nine_table()], [("A figure", SVG)])


@cache
def hostile_page() -> str:
    """The page of `hostile()`."""
    study, comparison = hostile()
    table = small_table(study.test.members, (0.1, 0.2, 0.3, 0.4, 0.5))
    return page_html(study, comparison, [table], [("<b>figure</b>", SVG)])


# ---- what Python makes of a configuration of the explorer ----

CONFIGURATIONS = 200


def combiner(study: Study, config: dict[str, Any]) -> Combiner:
    """What Python makes of a configuration of the explorer."""
    names = [study.test.members[i] for i in config["members"]]
    evidence = Evidence(study.validation.select(names))
    size = evidence.size
    fitted = {
        "average": lambda: fusion.average(*size),
        "accuracy": lambda: weighting.accuracy(evidence),
        "per_class": lambda: weighting.per_class(evidence),
        "exponential": lambda: weighting.exponential(evidence, q=config["exponent"]),
        "vote": lambda: fusion.vote(*size),
        "geometric": lambda: fusion.geometric(*size),
    }[config["weighting"]]()
    if not config["temperature"]:
        return fitted
    every = _temperatures(study)
    return fitted.with_temperatures(every[config["members"]])


_TEMPERATURES: dict[int, Floats] = {}


def _temperatures(study: Study) -> Floats:
    """Temperatures of a study's members, fitted once for each study."""
    if id(study) not in _TEMPERATURES:
        _TEMPERATURES[id(study)] = Evidence(study.validation).temperatures
    return _TEMPERATURES[id(study)]


def expected(study: Study, config: dict[str, Any]) -> dict[str, Any]:
    """Accuracy, interval, accuracy without leaked images and confusion matrix, by Python."""
    test = study.test.select([study.test.members[i] for i in config["members"]])
    predicted = metrics.predicted_classes(combiner(study, config)(test.logits))
    right = predicted == test.labels
    low, high = interval(int(right.sum()), len(right))
    return {
        "accuracy": float(right.mean()),
        "low": low,
        "high": high,
        "unique": float(right[~test.duplicate].mean()),
        "confusion": metrics.confusion_matrix(predicted, test.labels, len(test.classes)).tolist(),
    }


def configurations(members: int, seed: int) -> list[dict[str, Any]]:
    """Random members, weightings, exponents and temperatures; every weighting occurs."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(CONFIGURATIONS):
        chosen = rng.choice(members, size=rng.integers(1, members + 1), replace=False)
        found.append(
            {
                "members": sorted(int(m) for m in chosen),
                "weighting": list(WEIGHTINGS)[i % len(WEIGHTINGS)],
                "exponent": float(rng.integers(-500, 1501)) / 10,
                "temperature": bool(rng.random() < 0.5),
            }
        )
    return found


def embedded(text: str) -> dict[str, object]:
    """The data block of a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])
