"""The page as text: its size, its policy, what it escapes, and what its opening says."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from ensembles.calibration import temperatures
from ensembles.methods import CORE
from ensembles.predictions import Test, Validation
from ensembles.scoring import compare
from reports import page, page_answer, page_data
from reports.page import LIMIT, page_html
from reports.page_answer import answer, paired_difference
from reports.page_svg import inline_svg
from reports.study import Missing, ReportError, Study
from tests.reports import factory, pages
from tests.reports.pages import embedded

NBSP = "\N{NO-BREAK SPACE}"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of those asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))


def test_the_page_is_one_small_file_with_the_same_bytes_each_time() -> None:
    study, comparison = pages.nine()
    text = pages.nine_page()
    assert len(text.encode()) < LIMIT
    assert page_html(study, comparison, [pages.nine_table()], [("A figure", pages.SVG)]) == text


def test_the_page_loads_nothing() -> None:
    for text in (pages.nine_page(), pages.hostile_page()):
        for tag, attributes in Elements(text).found:
            assert tag not in {"link", "iframe", "object", "embed", "base", "img", "audio", "video"}
            for name in ("src", "href", "action", "data", "srcset"):
                assert (attributes.get(name) or "#").startswith("#")
        style = re.search(r"<style>(.*?)</style>", text, re.S)
        assert style and "url(" not in style[1] and "@import" not in style[1]


def test_the_policy_allows_the_scripts_and_the_style_by_their_hashes_alone() -> None:
    text = pages.nine_page()
    policies = [
        attributes["content"] or ""
        for tag, attributes in Elements(text).found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policies[0] and "http" not in policies[0]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    for name, blocks in (("script-src", scripts), ("style-src", styles)):
        hashes = [hashlib.sha256(block.encode()).digest() for block in blocks]
        wanted = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
        assert rules[name].split() == wanted and wanted


def test_nothing_in_the_page_has_an_inline_style_or_handler() -> None:
    """The policy would refuse them, and a browser would say so in its console."""
    for text in (pages.nine_page(), pages.hostile_page()):
        for _, attributes in Elements(text).found:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]


def test_names_from_anyone_stand_in_the_page_as_text() -> None:
    text = pages.hostile_page()
    parsed = Elements(text)
    assert text.count("<script") == 1 + len(page.SCRIPTS)
    assert "<img" not in text and "<b>" not in text and "<i>user" not in text
    shown = "".join(data for tag, data in parsed.texts if tag not in {"script", "style"})
    for name in (*factory.HOSTILE_MEMBERS, "<i>user_data</i>", "<b>figure</b>", "a & b < c"):
        assert name in shown
    data = embedded(text)
    assert [member["name"] for member in data["members"]] == list(factory.HOSTILE_MEMBERS)
    assert data["classes"] == list(factory.HOSTILE_CLASSES)


def test_the_embedded_numbers_are_exact() -> None:
    study, _ = pages.nine()
    data = embedded(pages.nine_page())
    assert data["labels"] == study.test.labels.tolist()
    assert data["duplicates"] == np.flatnonzero(study.test.duplicate).tolist()
    fitted = temperatures(study.validation.logits, study.validation.labels)
    for i, member in enumerate(data["members"]):
        logits = np.frombuffer(base64.b64decode(member["logits"]), dtype="<f4")
        assert np.array_equal(logits.reshape(-1, 7), study.test.logits[i])
        choice = study.validation.logits[i].argmax(axis=1)
        assert member["accuracy"] == (choice == study.validation.labels).mean()
        assert member["temperature"] == fitted[i]


def test_the_exponent_is_the_one_chosen_on_validation() -> None:
    _, comparison = pages.nine()
    exponent = embedded(pages.nine_page())["exponent"]
    assert comparison.combiners["exponential"].detail == f"q = {exponent:g}"


def test_the_exponent_is_one_where_no_exponential_weighting_was_fitted() -> None:
    study, _ = pages.hostile()
    comparison = compare(study.validation, study.test, ["single_best", "average"])
    assert page_data.explorer_data(study, comparison)["exponent"] == 1.0


def test_members_that_do_not_fit_are_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, comparison = pages.hostile()
    whole = page_html(study, comparison, [], [])
    monkeypatch.setattr(page, "LIMIT", len(whole.encode()) - 6000)
    text = page_html(study, comparison, [], [])
    assert len(text.encode()) <= page.LIMIT
    data = embedded(text)
    kept = [m["name"] for m in data["members"]]
    accuracies = (study.validation.logits.argmax(axis=2) == study.validation.labels).mean(axis=1)
    best = np.argsort(-accuracies, kind="stable")[:3]
    assert kept == [factory.HOSTILE_MEMBERS[i] for i in sorted(best)]
    assert [kept[i] for i in data["ranking"]] == [factory.HOSTILE_MEMBERS[i] for i in best]
    shown = "".join(found for tag, found in Elements(text).texts if tag == "p")
    said = " ".join(shown.split())
    assert (
        "This file has room for 3 members: first the ensembles that validation chose, where they "
        "fit whole, then the group nine, then the most accurate on validation. Left out here, in "
        "the tables only:"
    ) in said
    left_out = [name for name in factory.HOSTILE_MEMBERS if name not in kept]
    assert all(" ".join(name.split()) in said for name in left_out)


def test_without_room_for_any_member_the_page_has_no_explorer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, comparison = pages.hostile()
    monkeypatch.setattr(page, "LIMIT", 1)
    text = page_html(study, comparison, [], [])
    assert 'id="explorer"' not in text and 'id="data"' not in text
    assert 'id="provenance"' in text


def test_the_largest_figures_are_named_where_not_all_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    study, comparison = pages.hostile()
    monkeypatch.setattr(page, "FIGURES_ROOM", len(inline_svg(pages.SVG, "f0")))
    monkeypatch.setattr(page, "LIMIT", 1)
    large = pages.SVG.replace("<text", "<text>more</text><text", 1)
    text = page_html(study, comparison, [], [("large & first", large), ("small", pages.SVG)])
    assert text.count("<figcaption>small") == 1 and "<figcaption>large" not in text
    assert "in the folder <code>figures</code>: large &amp; first." in text


def test_a_class_without_validation_images_drops_the_per_class_weighting() -> None:
    rng = np.random.default_rng(0)
    validation = Validation.make(rng.normal(size=(2, 20, 3)), np.arange(20) % 2)
    test = Test.make(rng.normal(size=(2, 20, 3)), np.arange(20) % 3)
    study = factory.from_logits(validation, test)
    comparison = compare(validation, test, ["single_best", "average"])
    names = [w["name"] for w in page_data.explorer_data(study, comparison)["weightings"]]
    assert names == ["average", "accuracy", "exponential", "vote", "geometric"]


def test_costs_appear_where_every_member_has_them() -> None:
    study, comparison = pages.nine()
    every = [cost["name"] for cost in page_data.explorer_data(study, comparison)["costs"]]
    assert every == ["macs", "train_seconds", "parameters", "latency_ms"]
    first = dataclasses.replace(study.records[0], macs=None)
    less = dataclasses.replace(study, records=(first, *study.records[1:]))
    known = [cost["name"] for cost in page_data.explorer_data(less, comparison)["costs"]]
    assert known == ["train_seconds", "parameters", "latency_ms"]


# ---- the opening ----


def answer_of(study: Study) -> page_answer.Answer:
    return answer(study, compare(study.validation, study.test, CORE))


def test_the_opening_says_that_the_ensemble_helps() -> None:
    study, comparison = pages.nine()
    found = answer(study, comparison)
    rivals = [s for s in comparison.scores if s.ranked and s.family != "reference"]
    best = max(rivals, key=lambda score: score.val_accuracy)
    single = comparison.score("single_best")
    assert found.headline.endswith(
        f"helps: accuracy rises from {100 * single.test_accuracy:.1f}{NBSP}% to "
        f"{100 * best.test_accuracy:.1f}{NBSP}%"
    )
    questions = dict(found.points)
    assert set(questions) == {
        "Does it help?",
        "Which weighting?",
        "At what cost?",
        "What of leaked images?",
    }
    seconds = [record.train_seconds or 0.0 for record in study.records]
    alone = seconds[study.test.members.index(single.member_names[0])]
    if best.members == len(study.records):
        times = sum(seconds) / alone
        assert (
            f"of training instead of {page_answer.duration(alone)}, {times:.1f} times"
            in (questions["At what cost?"])
        )
    assert found.caveats == ()


def copies(split: Validation | Test) -> Validation | Test:
    """Two members that are the same network."""
    return type(split).make(
        np.repeat(split.logits[:1], 2, axis=0), split.labels, members=("a", "b")
    )


def test_an_ensemble_that_changes_nothing_is_not_called_a_help() -> None:
    plain = factory.study(1, images=300)
    study = factory.from_logits(copies(plain.validation), copies(plain.test))
    found = answer_of(study)
    assert "makes no difference beyond chance" in found.headline
    questions = dict(found.points)
    assert "zero lies within" in questions["Does it help?"]
    assert questions["At what cost?"] == (
        "The cost is not known: these logits came without training times or network sizes."
    )


def test_an_ensemble_that_harms_is_said_to() -> None:
    """Two confident members that were good on validation and are noise on test."""
    labels = np.arange(700) % 7
    truth = np.eye(7)[labels]
    rng = np.random.default_rng(1)
    good = truth * 5 + rng.normal(size=truth.shape)
    noise = 30 * rng.normal(size=truth.shape)
    names = ("good", "x", "y")
    less = truth * 4.5 + rng.normal(size=truth.shape)
    validation = Validation.make(np.stack([good, less, less * 1.1]), labels, members=names)
    test = Test.make(np.stack([good, noise, noise]), labels, members=names)
    found = answer_of(factory.from_logits(validation, test))
    assert "hurts: accuracy falls from" in found.headline


def test_a_single_member_has_nothing_to_combine() -> None:
    study = factory.study(1, images=100)
    found = answer_of(study)
    assert found.headline.endswith("; nothing to combine yet")
    assert len(found.facts) == 1
    assert 'id="explorer"' in page_html(study, compare(study.validation, study.test, CORE), [], [])


def test_synthetic_and_quick_studies_say_so_first() -> None:
    plain = factory.study(3, images=200, dataset="faces", profile="quick")
    study = dataclasses.replace(plain, missing=(Missing("deep-z", "it ran out of memory"),))
    found = answer_of(study)
    assert found.headline.startswith("On synthetic faces, combining")
    assert "synthetic faces drawn by a program" in found.caveats[0]
    assert found.caveats[1].startswith("This is the quick profile")
    assert found.caveats[2:] == (
        "The networks were trained at a quarter of their width.",
        "deep-z is missing: it ran out of memory.",
    )


def test_a_comparison_without_the_single_best_is_refused() -> None:
    study, _ = pages.hostile()
    comparison = compare(study.validation, study.test, ["average"])
    with pytest.raises(ReportError) as refused:
        answer(study, comparison)
    assert str(refused.value) == (
        "the comparison has no score of 'single_best': accepted is one that holds the best single "
        "member, which ensembles are compared with"
    )


def test_the_choice_between_ensembles_does_not_look_at_the_test_split() -> None:
    study, comparison = pages.nine()
    wrong = dataclasses.replace(study.test, labels=(study.test.labels + 1) % 7)
    other = dataclasses.replace(study, test=wrong)
    relabelled = compare(study.validation, wrong, CORE)
    first, second = answer(study, comparison), answer(other, relabelled)
    assert first.facts[0].label == second.facts[0].label


def test_the_paired_interval_agrees_with_mcnemar_and_with_resampling() -> None:
    rng = np.random.default_rng(3)
    right, other = rng.random(900) < 0.66, rng.random(900) < 0.61
    difference, low, high = paired_difference(right, other)
    assert difference == pytest.approx(right.mean() - other.mean())
    draws = rng.integers(0, 900, size=(4000, 900))
    drawn = right[draws].mean(axis=1) - other[draws].mean(axis=1)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([low, high], abs=0.003)
    table = [
        [(right & other).sum(), (right & ~other).sum()],
        [(~right & other).sum(), (~right & ~other).sum()],
    ]
    significant = mcnemar(table, exact=False, correction=False).pvalue < 0.05
    assert significant == (low > 0 or high < 0)


def test_paired_difference_of_equals_is_zero() -> None:
    same = np.array([True, False, True])
    assert paired_difference(same, same) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(48.4, "48 s"), (720, "12 min"), (12_240, "3.4 h"), (119, "119 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert page_answer.duration(seconds) == text.replace(" ", NBSP)


@pytest.mark.parametrize(
    ("count", "text"),
    [(214e6, "214 million"), (1.82e9, "1.8 billion"), (4500, "4.5 thousand"), (12, "12")],
)
def test_amounts(count: float, text: str) -> None:
    assert page_answer.amount(count) == text.replace(" ", NBSP)


# ---- figures in the page ----


def test_an_svg_is_made_fit_for_the_policy() -> None:
    assert inline_svg(pages.SVG, "f0") == (
        '<svg width="72pt" viewBox="0 0 72 36"><defs><clipPath id="f0-clip">'
        '<rect width="9" height="9" /></clipPath><path id="f0-mark" d="M 0 0" /></defs>'
        '<g clip-path="url(#f0-clip)"><use href="#f0-mark" fill="#0072b2" stroke="none" /></g>'
        '<text font-weight="bold" font-size="9px" font-family="\'DejaVu Sans\', \'Arial\'" '
        'text-anchor="middle">a &lt; b</text></svg>'
    )


def test_an_svg_loses_what_could_run_or_load() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script>'
        '<a href="javascript:alert(3)"><image href="https://example.org/a.png"/></a>'
        "<foreignObject/></svg>"
    )
    assert inline_svg(svg, "f") == "<svg><a><image /></a></svg>"


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(ReportError) as refused:
        inline_svg("<svg>", "f3")
    assert str(refused.value) == (
        "the figure 'f3' cannot stand in the page (no element found: line 1, column 5): accepted "
        "is well-formed SVG"
    )
