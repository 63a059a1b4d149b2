"""Studies and pages for the tests of the page, each made once for all of them."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from ensembles.scoring import Comparison, compare
from reports.page import page_html
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
    return study, compare(study.validation, study.test)


@cache
def hostile() -> tuple[Study, Comparison]:
    """Members and classes with names that would break a careless page."""
    study = stored(factory.hostile())
    return study, compare(study.validation, study.test)


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
