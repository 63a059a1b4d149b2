"""Where the page says that a row comes from: entries of members and methods, and links to them."""

from __future__ import annotations

import dataclasses
import html
import re

from reports.findings import Findings
from reports.page import page_html
from reports.page_provenance import Links
from reports.report import make_tables
from tests.reports import pages
from tests.reports.test_page import Elements


def test_provenance_names_seed_recipe_and_key_of_every_member() -> None:
    study, _ = pages.nine()
    text = pages.nine_page()
    for record in study.records:
        assert f"<dd>{record.key}</dd>" in text
    assert "<dt>learning_rate</dt><dd>0.01</dd>" in text
    assert "<dt>Seed</dt><dd>0</dd>" in text


def linked(text: str, block: str) -> dict[str, str]:
    """Text and target of every link in the part of a page that the pattern finds."""
    found = re.search(block, text, re.S)
    assert found
    return {
        html.unescape(re.sub("<[^>]*>", "", words)): address
        for address, words in re.findall(r'<a href="#([^"]*)">(.*?)</a>', found[0], re.S)
    }


def test_every_link_of_a_page_has_a_target_in_it() -> None:
    for text in (pages.nine_page(), pages.hostile_page()):
        found = Elements(text).found
        ids = [attributes["id"] for _, attributes in found if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = {(a["href"] or "")[1:] for tag, a in found if tag == "a"}
        assert targets <= {*ids} and any(target.startswith("member-") for target in targets)


def test_a_row_leads_to_where_it_comes_from_without_a_script() -> None:
    study, comparison = pages.nine()
    findings = Findings(study, comparison)
    names = ("members", "ensembles", "per_class", "significance", "subsets", "diversity", "papers")
    text = page_html(study, comparison, list(make_tables(findings, names).values()), [])
    members = {record.name: f"member-{i}" for i, record in enumerate(study.records, start=1)}
    methods = {score.label: f"method-{score.method}" for score in comparison.scores}
    for table, wanted in (
        ("members", members),
        ("ensembles", methods),
        ("subsets", members),
        ("diversity", members),
    ):
        assert linked(text, f'id="table-{table}".*?</table>') == wanted
    for table in ("per_class", "significance"):
        found = linked(text, f'id="table-{table}".*?</table>')
        assert found.items() <= {**members, **methods}.items()
        assert members.items() <= found.items() and len(found) > len(members)
    papers = linked(text, 'id="table-papers".*?</table>')
    assert papers["deep-a"] == "member-1" and papers["average"] == "method-average"


def test_a_method_says_how_it_was_fitted_and_links_its_members() -> None:
    study, comparison = pages.nine()
    text = pages.nine_page()
    entry = re.search('<tr id="method-single_best">.*?</tr>', text, re.S)
    (best,) = comparison.score("single_best").member_names
    address = f"member-{study.test.members.index(best) + 1}"
    assert linked(text, '<tr id="method-single_best">.*?</tr>') == {best: address}
    assert entry and "<td>probabilities</td>" in entry[0]
    assert "the member of highest validation accuracy" in entry[0]
    row = re.search('<tr id="method-exponential">.*?</tr>', text, re.S)
    assert row and comparison.score("exponential").detail in row[0]
    assert '<a href="#provenance-members">all 9</a>' in row[0]
    assert "VA-Expo-WA of Kim, Roh, Dong &amp; Lee 2016" in row[0]
    plain = re.search('<tr id="method-average">.*?</tr>', text, re.S)
    assert plain and '<td class="wrap">nothing</td></tr>' in plain[0]


def test_a_member_called_like_a_method_is_not_mistaken_for_it() -> None:
    links = Links({"average": "member-1", "angry": "member-2"}, {"average": "method-average"})
    for key, row, address in (
        ("method", {"kind": "ensemble", "method": "average"}, "method-average"),
        ("method", {"kind": "member", "method": "average"}, "member-1"),
        ("method", {"method": "average"}, "method-average"),
        ("class", {"kind": "member", "class": "angry"}, None),
        ("member", {"member": "average"}, "member-1"),
        ("subset", {"subset": "average + strange"}, None),
        ("label", {"label": None}, None),
    ):
        found = links(key, row)
        assert found == (() if address is None else ((row[key], address),))
    both = links("subset", {"subset": "angry + average"})
    assert both == (("angry", "member-2"), ("average", "member-1"))


def test_the_key_of_every_seed_is_listed() -> None:
    study, comparison = pages.hostile()
    others = tuple(
        dataclasses.replace(r, seed=1, key=f"{i}e" * 32) for i, r in enumerate(study.records)
    )
    several = dataclasses.replace(
        study, repeats=((study.validation, study.test),), repeat_records=(others,)
    )
    text = page_html(several, comparison, [], [])
    for record, other in zip(study.records, others, strict=True):
        assert f"<dt>Key, seed 0</dt><dd>{record.key}</dd>" in text
        assert f"<dt>Key, seed 1</dt><dd>{other.key}</dd>" in text
    assert text.count("<dt>Seeds</dt><dd>0, 1</dd>") == len(others)
