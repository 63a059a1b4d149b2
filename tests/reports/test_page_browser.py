"""The page in a real Chromium: offline, from a file, equal to Python to the last image, and quick.

The browser is `$CHROMIUM`, or `chromium` or `google-chrome` on the path; without one the tests are
skipped.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensembles.evidence import Evidence
from reports.page_data import WEIGHTINGS
from tests.reports import factory, pages

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
EXECUTABLE = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium: set CHROMIUM to one"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {"nine": pages.nine_page(), "hostile": pages.hostile_page()}
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@contextmanager
def opened(browser: Any, file: Path, address: str = "", **options: Any) -> Iterator[Any]:
    """The page in a fresh offline context; afterwards nothing was complained of or asked for."""
    context = browser.new_context(offline=True, **options)
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())
    tab.goto(file.as_uri() + address)
    try:
        yield tab
    finally:
        context.close()
    assert complaints == []
    assert {url.partition("#")[0] for url in requests} == {file.as_uri()}


COMPUTE = """configs => configs.map(config => {
  const { accuracy, low, high, unique, confusion } = explorer.evaluate(explorer.model, config);
  return { accuracy, low, high, unique, confusion };
})"""


@pytest.mark.parametrize("name", ["nine", "hostile"])
def test_random_configurations_equal_python_exactly(
    browser: Any, files: dict[str, Path], name: str
) -> None:
    study, _ = {"nine": pages.nine, "hostile": pages.hostile}[name]()
    configs = pages.configurations(len(study.test.members), seed=7)
    with opened(browser, files[name]) as tab:
        found = tab.evaluate(COMPUTE, configs)
    for config, page in zip(configs, found, strict=True):
        assert page == pages.expected(study, config), config


def test_what_is_shown_is_what_was_computed(browser: Any, files: dict[str, Path]) -> None:
    study, _ = pages.nine()
    config = {"members": [0, 3, 6], "weighting": "vote", "exponent": 1, "temperature": False}
    wanted = pages.expected(study, config)
    with opened(browser, files["nine"], "#m=deep-a&m=shallow-a&m=fcn-a&w=vote") as tab:
        assert tab.locator("#accuracy").inner_text() == f"{100 * wanted['accuracy']:.2f}\xa0%"
        facts = tab.locator("#score-facts").inner_text()
        assert f"{100 * wanted['low']:.2f}–{100 * wanted['high']:.2f}\xa0%" in facts
        assert f"{100 * wanted['unique']:.2f}\xa0%" in facts
        cells = tab.locator("#confusion tbody td").all_inner_texts()
        assert [int(text) for text in cells] == np.ravel(wanted["confusion"]).tolist()
        recalls = tab.locator("#bars td:nth-child(3)").all_inner_texts()
        counts = np.array(wanted["confusion"])
        for text, value in zip(recalls, np.diag(counts) / counts.sum(axis=1), strict=True):
            assert float(text.removesuffix("\xa0%")) == pytest.approx(100 * value, abs=0.051)
        assert f"{100 * wanted['accuracy']:.2f} %" in tab.locator("#plot .now-label").inner_html()
        tab.get_by_label("as % of each true class").check()
        shares = [int(text) for text in tab.locator("#confusion tbody td").all_inner_texts()]
        rounded = np.rint(100 * counts / counts.sum(axis=1, keepdims=True)).astype(int)
        assert np.abs(np.reshape(shares, counts.shape) - rounded).max() <= 1


PREPARE = """() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const [first, ...others] = all("#weighting-list input");
  const slider = document.querySelector("#exponent-range");
  const slide = () => {
    slider.value = String(1 + Number(slider.value) / 2);
    slider.dispatchEvent(new Event("input"));
  };
  const acts = [];
  for (let round = 0; round < 2; round += 1) {
    for (const radio of [...others, first]) {
      acts.push(() => radio.click());
      for (const box of all("#member-list input").slice(0, 6)) acts.push(() => box.click());
      if (radio.value === "exponential") acts.push(slide, slide);
    }
    acts.push(() => document.querySelector("#temperature").click());
  }
  window.painted = (index) => new Promise((resolve) => {
    const start = performance.now();
    acts[index]();
    // A message that is sent within a frame arrives when that frame has been painted.
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now() - start);
      port2.postMessage(null);
    });
  });
  return acts.length;
}"""


def test_a_change_shows_within_50_ms(browser: Any, files: dict[str, Path]) -> None:
    """Nine members, 3,589 images, every kind of change, those with nothing cached included.

    The processor time of the page's thread until a change is painted is asserted, of 95 changes in
    100, for no other work on the machine adds to it. The time on the clock, to which other work and
    the wait for the next frame add, is printed (`pytest -s`) and has a bound that only a page that
    hangs would miss.
    """
    with opened(browser, files["nine"]) as tab:
        session = tab.context.new_cdp_session(tab)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        count = tab.evaluate(PREPARE)
        busy, clock = [], []
        for index in range(count):
            before = _busy(session)
            clock.append(tab.evaluate("(index) => painted(index)", index))
            busy.append(1000 * (_busy(session) - before))
    assert count > 80
    told = []
    for name, times in (("on the clock", clock), ("of the processor", busy)):
        median, most = np.median(times), np.max(times)
        told.append(
            f"{median:.1f} ms median, {np.quantile(times, 0.95):.1f} ms of 95 in 100, "
            f"{most:.1f} ms at most {name}"
        )
    print(f"{count} changes until painted: {'; '.join(told)}")
    assert np.quantile(busy, 0.95) < 50
    assert np.median(clock) < 1000


def _busy(session: Any) -> float:
    """Seconds of processor time that the page's thread has worked."""
    found = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")


def test_the_address_holds_the_configuration(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        tab.get_by_label("deep-b").uncheck()
        tab.get_by_label(WEIGHTINGS["exponential"][0]).check()
        tab.locator("#exponent-number").fill("12.5")
        tab.get_by_label("Temperature scaling").check()
        tab.get_by_role("combobox", name="Cost").select_option("train_seconds")
        tab.wait_for_url(re.compile(r"q=12\.5.*x=train_seconds"))
        address = tab.evaluate("location.hash")
        shown = tab.locator(".score").inner_text()
    assert "deep-b" not in address and "w=exponential" in address and "t=1" in address
    with opened(browser, files["nine"], address) as tab:
        assert tab.locator(".score").inner_text() == shown
        assert not tab.get_by_label("deep-b").is_checked()
        assert tab.locator("#exponent-number").input_value() == "12.5"
        assert tab.locator("#cost").input_value() == "train_seconds"
        assert not tab.locator("#address-problem").is_visible()


def test_an_address_that_makes_no_sense_is_said_and_survived(
    browser: Any, files: dict[str, Path]
) -> None:
    address = "#m=deep-a&m=%3Cb%3Ezap&w=magic&q=abc&t=9&x=money&%"
    with opened(browser, files["nine"], address) as tab:
        assert tab.locator("#address-problem").inner_text() == (
            "This page does not have the member “<b>zap”, the weighting “magic”, the cost “money”, "
            "the exponent “abc”, the temperature “9”, which the address asks for; the rest of it "
            "is shown."
        )
        boxes = tab.locator("#member-list input:checked")
        assert boxes.count() == 1 and tab.get_by_label("deep-a").is_checked()
        tab.get_by_label("deep-b").check()
        assert not tab.locator("#address-problem").is_visible()


def test_a_link_within_the_page_keeps_the_configuration(
    browser: Any, files: dict[str, Path]
) -> None:
    with opened(browser, files["nine"], "#w=vote") as tab:
        tab.get_by_role("link", name="Provenance").click()
        assert tab.get_by_label(WEIGHTINGS["vote"][0]).is_checked()


def test_names_from_anyone_round_trip_through_the_address(
    browser: Any, files: dict[str, Path]
) -> None:
    with opened(browser, files["hostile"]) as tab:
        boxes = tab.locator("#member-list input")
        boxes.nth(1).uncheck()
        tab.wait_for_url(re.compile("#m="))
        address = tab.evaluate("location.hash")
        names = tab.locator("#member-list .choice > span:nth-of-type(1)").all_text_contents()
    assert names == list(factory.HOSTILE_MEMBERS)
    with opened(browser, files["hostile"], address) as tab:
        checked = [box.is_checked() for box in tab.locator("#member-list input").all()]
        assert checked == [True, False, True, True, True]
        assert not tab.locator("#address-problem").is_visible()


def test_without_members_the_page_says_what_to_do(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        tab.get_by_role("button", name="None").click()
        assert "Tick at least one member." in tab.locator(".score").inner_text()
        tab.wait_for_url(re.compile("#m="))
        tab.reload()
        assert "Tick at least one member." in tab.locator(".score").inner_text()
        tab.get_by_role("button", name="Start again").click()
        assert tab.locator("#member-list input:checked").count() == 9


def test_presets_choose_by_validation(browser: Any, files: dict[str, Path]) -> None:
    study, _ = pages.nine()
    ranking = Evidence(study.validation).ranking
    with opened(browser, files["nine"]) as tab:
        tab.get_by_role("button", name="Best 3 on validation").click()
        checked = [box.is_checked() for box in tab.locator("#member-list input").all()]
        assert {i for i, on in enumerate(checked) if on} == set(ranking[:3])


def test_the_keyboard_is_enough(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        before = tab.locator("#accuracy").inner_text()
        tab.get_by_label("deep-a").focus()
        tab.keyboard.press("Space")
        assert not tab.get_by_label("deep-a").is_checked()
        assert tab.locator("#accuracy").inner_text() != before
        tab.get_by_label(WEIGHTINGS["average"][0]).focus()
        tab.keyboard.press("ArrowDown")
        assert tab.get_by_label(WEIGHTINGS["accuracy"][0]).is_checked()
        outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        tab.locator("#table-members th button").first.focus()
        tab.keyboard.press("Enter")
        assert tab.locator("#table-members th").first.get_attribute("aria-sort") == "ascending"


def test_a_change_is_announced(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        tab.get_by_label(WEIGHTINGS["vote"][0]).check()
        status = tab.get_by_role("status")
        sync_api.expect(status).not_to_be_empty()
        text = status.inner_text().replace("\xa0", " ")
        accuracy = tab.locator("#accuracy").inner_text().replace("\xa0", " ")
        assert text.startswith(
            f"{WEIGHTINGS['vote'][0]}, 9 members: test accuracy {accuracy}, interval "
        )


def test_every_control_has_a_name(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        tree = tab.locator("body").aria_snapshot()
        unnamed = tab.evaluate(
            """() => Array.from(document.querySelectorAll("input, select, button"), (control) =>
                 control.labels?.length || control.getAttribute("aria-label") ||
                 control.textContent.trim() ? null : control.outerHTML).filter(Boolean)"""
        )
    assert unnamed == []
    assert 'checkbox "deep-a' in tree and f'radio "{WEIGHTINGS["vote"][0]}' in tree
    assert 'spinbutton "Exponent q"' not in tree  # hidden until it has a meaning


def test_tables_sort_and_missing_values_stay_last(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        header = tab.locator("#table-members th").nth(1)
        cells = tab.locator("#table-members tbody tr td:nth-child(2)")
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "descending"
        texts = cells.all_inner_texts()
        assert texts[0] == "62.00" and texts[-1] == "–"
        assert texts[:-1] == sorted(texts[:-1], reverse=True)
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "ascending"
        texts = cells.all_inner_texts()
        assert texts[:-1] == sorted(texts[:-1]) and texts[-1] == "–"


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_link_unfolds_what_it_leads_to(
    browser: Any, files: dict[str, Path], scripts: bool, width: int
) -> None:
    size = {"width": width, "height": 800}
    with opened(browser, files["nine"], java_script_enabled=scripts, viewport=size) as tab:
        key, name = pages.nine()[0].records[2].key, tab.locator("summary .name").nth(2)
        tab.locator("#table-members").get_by_role("link", name="deep-c").click()
        assert tab.get_by_text(key).is_visible()
        bar = tab.locator("nav").bounding_box()
        sync_api.expect(name).to_be_in_viewport()
        tab.wait_for_timeout(700)  # until the page has stopped moving
        assert name.bounding_box()["y"] >= bar["height"]
        row = tab.locator("#method-single_best")
        row.get_by_role("link").click()
        assert tab.locator("dl:target").is_visible()


def test_without_scripts_the_page_can_be_read(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"], java_script_enabled=False) as tab:
        assert tab.locator("h1").is_visible()
        assert tab.locator("#table-members").is_visible()
        assert tab.locator("#figures svg").is_visible()
        assert tab.get_by_text("The explorer needs JavaScript.").is_visible()
        assert not tab.locator("#explorer-app").is_visible()
        assert not tab.get_by_text("Choose a column’s name").is_visible()


@pytest.mark.parametrize("name", ["nine", "hostile"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_sideways(
    browser: Any, files: dict[str, Path], name: str, width: int
) -> None:
    with opened(browser, files[name], viewport={"width": width, "height": 800}) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_light_dark_and_paper(browser: Any, files: dict[str, Path]) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, files["nine"], color_scheme="light") as tab:
        light = tab.evaluate(background)
    with opened(browser, files["nine"], color_scheme="dark") as tab:
        dark = tab.evaluate(background)
        tab.emulate_media(media="print")
        paper = tab.evaluate(background)
        assert not tab.locator("#controls").is_visible()
        assert tab.locator(".score").is_visible()
    assert (light, dark, paper) == ("rgb(251, 250, 247)", "rgb(21, 23, 26)", "rgb(255, 255, 255)")


def test_figures_keep_their_colours_under_the_policy(browser: Any, files: dict[str, Path]) -> None:
    with opened(browser, files["nine"]) as tab:
        fill = "getComputedStyle(document.querySelector('#figures use')).fill"
        assert tab.evaluate(fill) == "rgb(0, 114, 178)"
