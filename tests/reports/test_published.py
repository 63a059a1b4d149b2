"""The published figures: all of them, with the precision and the place of the source."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from reports.published import KEYS, Figure, Report, figure_of, load, parse
from reports.study import ReportError

SOURCES = Path(__file__).parents[3] / "shared" / "papers"
FILES = {"lenet": "000", "nine": "001", "six": "002", "leaky": "003", "vgg16": "004"}

# Numbers of the texts that are no figures of theirs: what they are, not what was measured.
NO_FIGURES = {
    "nine": {
        "citations and numbers of sections, figures and layers": "1 2 3 4 5 6 7 8 9 10 11 13",
        "filters, kernels and units (checked by the members' parameters)": "64 128 256 512",
        "numbers written with a unit or a blank": "4.5 9.5 464 000",
    },
    "lenet": {
        "years, numbers of tables, names of networks, ranges of pixels and labels": (
            "2013 0 1 0,1 2 3 4 5 6"
        ),
    },
    "six": {
        "numbers of models, sections, tables and classes": "0 1 2 3 4 5 6 7",
        "filters, kernels and units": "32 64 128 256 3,3 5,5",
        "7,216 in another notation": "7.216",
    },
    "leaky": {
        "numbers of sections, figures, layers and classes": "0 1 2 3 4 6 3.1 3.2 3.3",
        "slope of the activation": "0.01",
        "the epoch of a figure": "8",
    },
    "vgg16": {
        "dates, numbers of sections and students": "1 2 3 4 6 001 18 2022 2023 2024",
        "an identifier of an article": "10.3934",
    },
}


def by_key() -> dict[str, Report]:
    return {report.key: report for report in load()}


def test_number_of_figures_in_each_report() -> None:
    """Counted by hand in the sources; a per-class table has 7 rows of 4, and 2 + 4 + 4 below.

    nine: 5 of the dataset, 6 of training, 3 counts of parameters, 3 single accuracies, 6 of the
    nine together, 5 of averaging, 4 of weighting, 2 quoted.
    lenet: 9 of the dataset, 3 + 2 of training, tables 1 and 2 and 4 and 5 with what the text
    repeats of them (5, 8, 5, 5), 6 extremes, two tables per class.
    six: 10 of the dataset, 8 of training, 24 of table 1, 3 of EfficientNetB0, three tables.
    leaky: 3 of the dataset, 4 of training, 3 + 7 scalars, 2 extremes, 2 of the variant, one table.
    vgg16: 9 of the dataset, 4 of training, 3 accuracies, 2 quoted.
    """
    table = 7 * 4 + 2 + 4 + 4
    assert {key: len(report.figures) for key, report in by_key().items()} == {
        "nine": 5 + 6 + 3 + 3 + 6 + 5 + 4 + 2,
        "lenet": 9 + 3 + 2 + (5 + 8 + 5 + 5) + 6 + 2 * table,
        "six": 10 + 8 + 24 + 3 + 3 * table,
        "leaky": 3 + 4 + 3 + 7 + 2 + 2 + table,
        "vgg16": 9 + 4 + 3 + 2,
    }


def test_an_unknown_report_is_told_in_one_sentence() -> None:
    with pytest.raises(ReportError) as error:
        figure_of("ten", "gain")
    assert str(error.value) == (
        "there is no report 'ten': accepted are nine, lenet, six, leaky, vgg16"
    )


@pytest.mark.parametrize("key", KEYS)
def test_every_number_of_the_source_is_a_figure(key: str) -> None:
    if not SOURCES.is_dir():
        pytest.skip(f"the reports' texts are not at {SOURCES}")
    text = next(SOURCES.glob(f"{FILES[key]}*")).read_text(encoding="utf-8")
    references = re.search(r"^\W*references\b", text, re.IGNORECASE | re.MULTILINE)
    text = text if references is None else text[: references.start()]
    tokens = Counter(re.findall(r"(?<![\w.])\.?\d+(?:[.,]\d+)*(?:e-\d+)?", text))
    allowed = {token for tokens in NO_FIGURES[key].values() for token in tokens.split()}
    report = by_key()[key]
    values = {f.value for f in report.figures}
    values |= {f.threshold for f in report.figures if f.threshold is not None}
    missing = [t for t in tokens if t not in allowed and not _holds(values, t)]
    assert missing == []
    assert len(tokens) > 20


def _holds(values: set[float], token: str) -> bool:
    thousands = re.fullmatch(r"\d{1,3}(,\d{3})+", token)
    number = float(token.replace(",", "" if thousands else "."))
    return any(abs(number - v) < 1e-9 or abs(number / 100 - v) < 1e-9 for v in values)


def test_reports_come_in_order_and_are_read_once() -> None:
    assert tuple(report.key for report in load()) == KEYS
    assert load() is load()


def one(report: Report, **wanted: object) -> Figure:
    found = [f for f in report.figures if all(getattr(f, k) == v for k, v in wanted.items())]
    assert len(found) == 1
    return found[0]


def test_figures_keep_place_precision_and_split() -> None:
    reports = by_key()
    parameters = one(reports["nine"], metric="parameters", subject="fcn-a")
    assert (parameters.value, parameters.unit, parameters.precision) == (464_000, 1000, "about")
    assert parameters.margin == 4640
    exact = one(reports["lenet"], metric="macro_recall", place="Table 2")
    assert (exact.value, exact.unit) == (0.5002420723467257, 1e-16)
    assert (exact.split, exact.subject, exact.dataset) == ("test", "lenet", "fer2013")
    cell = one(reports["lenet"], metric="f1", label="happy", place="Table 3")
    assert (cell.value, cell.unit, cell.margin) == (0.70, 0.01, 0.005)
    assert one(reports["lenet"], metric="weighted_support", place="Table 3").value == 71780
    assert one(reports["leaky"], metric="accuracy", epoch=8).precision == "about"
    assert one(reports["nine"], metric="gain").precision == "above"
    assert reports["vgg16"].dataset == "expw"


def test_members_are_named_as_in_the_catalogue() -> None:
    subjects = {f.subject for r in load() for f in r.figures if f.kind in ("result", "cost")}
    assert subjects == {
        *("deep-a", "shallow-a", "fcn-a", "lenet", "lenet-balanced", "leaky", "leaky-4conv"),
        *(f"six-m{i}" for i in range(1, 7)),
        *("six-efficientnetb0", "vgg16"),
    }
    methods = {f.subject for r in load() for f in r.figures if f.kind == "ensemble"}
    assert methods == {"average", "accuracy", "per_class", "exponential"}


def test_every_figure_has_a_place_and_shares_are_shares() -> None:
    for report in load():
        for f in report.figures:
            assert f.place
            assert f.unit > 0
            if f.metric in ("accuracy", "precision", "recall", "f1", "share", "gain"):
                assert 0 < f.value < 1


HEAD = 'key = "x"\ntitle = "X"\ndataset = "fer2013"\n'
GROUP = '[[group]]\nkind = "result"\nsubject = "m"\nplace = "Table 1"\n'


def test_a_report_of_ones_own() -> None:
    report = parse(
        HEAD + GROUP + 'split = "test"\nvalues = [{ metric = "accuracy", value = 0.70 }]', "x.toml"
    )
    (figure,) = report.figures
    assert (figure.value, figure.unit, figure.report) == (0.7, 0.01, "x")
    assert report.find("accuracy", "m") is figure
    assert report.find("accuracy", "other") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key = ", "x.toml is not valid TOML: Invalid value (at end of document)"),
        (
            HEAD + "extra = 1",
            "x.toml has the unknown key 'extra': accepted are key, title, dataset, group, "
            "per_class, extremes",
        ),
        ('key = "x"\ndataset = "fer2013"', "x.toml has no 'title': accepted is a text"),
        (HEAD + "group = 3", "x.toml has a key where a list of tables is accepted"),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy" }]',
            "x.toml has an entry without 'value' (kind result, subject m, place Table 1, metric "
            "accuracy): give it one",
        ),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = "0.7" }]',
            "x.toml has the value '0.7' for accuracy: accepted is a number",
        ),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = 0.7, split = "testing" }]',
            "x.toml has the split 'testing': accepted are nothing, train, validation, test, all",
        ),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = 0.7, precision = "near" }]',
            "x.toml has the precision 'near': accepted are rounded, about, above, below",
        ),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = 0.7, digits = 2 }]',
            "x.toml has the unknown key 'digits': accepted are place, kind, subject, metric, "
            "value, unit, split, label, precision, threshold, epoch",
        ),
        (
            HEAD + '[[per_class]]\nplace = "T"\nsubject = "m"\nsplit = "test"\n'
            'rows = [["angry", 0.1, 0.2, 3]]',
            "x.toml, T has the row 'angry, 0.1, 0.2, 3': accepted are 5 cells",
        ),
        (
            HEAD + '[[extremes]]\nplace = "T"\nsubject = "m"\nsplit = "test"\n'
            'values = [{ metric = "f1", which = "best", label = "happy" }]',
            "x.toml has the which 'best': accepted are highest, lowest",
        ),
        ("a = " + "[" * 9999, "x.toml is not valid TOML: nested too deeply"),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = nan }]',
            "x.toml has the value Decimal('NaN') for accuracy: accepted is a number",
        ),
        (
            HEAD + GROUP + 'values = [{ metric = "accuracy", value = 0.7, epoch = "3" }]',
            "x.toml has the epoch '3': accepted is a whole number",
        ),
        (
            HEAD + '[[per_class]]\nplace = "T"\nsubject = "m"\nsplit = "test"\nrows = 3',
            "x.toml has the rows '3': accepted is a list of rows",
        ),
    ],
)
def test_malformed_files_are_told_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ReportError) as error:
        parse(text, "x.toml")
    assert str(error.value) == message
