"""Figures: same numbers, same bytes; names stay text; what they compute is right."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ensembles import metrics
from ensembles.methods import CORE
from reports import figures
from reports.drawing import Drawing, looks, shorten
from reports.figure_content import draw_all, figure_jobs, reliability_bins, two_class_accuracy
from reports.figures import row_shares
from reports.figures_images import (
    Panel,
    image_grid,
    prediction_panel,
    sample_panel,
    transformed_panel,
)
from reports.findings import Findings
from reports.study import NEGATIVE, POSITIVE, ReportError
from tests.reports import factory

FEW = ("single_best", "average", "accuracy")
SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: Drawing) -> list[str]:
    """Every text of the SVG."""
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def elements(drawing: Drawing) -> Iterator[ElementTree.Element]:
    yield from ElementTree.fromstring(drawing.svg).iter()


@pytest.fixture(scope="module")
def drawn() -> dict[str, Drawing]:
    findings = Findings.of(factory.study(2, images=140), FEW)
    return {drawing.name: drawing for drawing in draw_all(findings)}


def test_a_full_study_has_every_figure(drawn: dict[str, Drawing]) -> None:
    assert set(drawn) == {
        "forest",
        "accuracy_cost",
        "confusion_average",
        "confusion_ensembles",
        "confusion_members",
        "contributions",
        "error_correlation",
        "growth",
        "learning_curves",
        "learning_curves_members",
        "reliability",
        "two_classes",
        "class_distribution",
    }


def test_every_figure_is_a_named_svg_and_a_png(drawn: dict[str, Drawing]) -> None:
    for drawing in drawn.values():
        root = ElementTree.fromstring(drawing.svg)
        assert root.tag == f"{SVG}svg"
        assert root.get("role") == "img"
        assert (root.get("aria-label") or "").startswith(f"{drawing.title}. ")
        assert texts(drawing), "text stays text"
        with Image.open(io.BytesIO(drawing.png)) as image:
            assert min(image.size) > 150
            assert not image.text  # neither date nor version


def test_ids_of_two_figures_do_not_meet(drawn: dict[str, Drawing]) -> None:
    ids = [{e.get("id") for e in elements(d)} - {None} for d in drawn.values()]
    for i, one in enumerate(ids):
        for other in ids[i + 1 :]:
            assert not one & other


def test_the_same_numbers_give_the_same_bytes() -> None:
    matrix = np.array([[5, 1], [2, 7]])
    one, other = (figures.confusion("c", "x", matrix, ["a", "b"]) for _ in range(2))
    assert (one.svg, one.png) == (other.svg, other.png)
    assert b"dc:date" not in one.svg


def test_an_imported_study_has_the_figures_that_need_only_logits() -> None:
    plain = factory.study(3, images=140)
    study = factory.from_logits(plain.validation, plain.test)
    names = set(dict(figure_jobs(Findings.of(study, CORE))))
    assert {"forest", "reliability", "confusion_members", "two_classes"} <= names
    assert not names & {"accuracy_cost", "learning_curves", "class_distribution"}


def test_one_member_and_one_epoch_can_be_drawn() -> None:
    study = factory.study(1, images=70)
    record = dataclasses.replace(study.records[0], history=study.records[0].history[:1])
    study = dataclasses.replace(study, records=(record,))
    names = {drawing.name for drawing in draw_all(Findings.of(study, ["single_best"]))}
    assert {"forest", "learning_curves", "confusion_members"} <= names


def test_many_members_are_spread_over_several_figures() -> None:
    study = factory.study(20, images=70)
    pages = figures.member_curves(study.records[:10])
    assert [page.name for page in pages] == [
        "learning_curves_members_1",
        "learning_curves_members_2",
    ]
    overlaid = figures.learning_curves(study.records)
    assert f"{20 - figures.BEST} others" in texts(overlaid)


def test_hostile_names_are_text_in_figures() -> None:
    jobs = dict(figure_jobs(Findings.of(factory.hostile(70), FEW)))
    (members,), forest = jobs["confusion_members"](), jobs["forest"]()
    assert isinstance(forest, Drawing) and isinstance(members, Drawing)
    for drawing in (members, forest):
        tags = {element.tag.rpartition("}")[2] for element in elements(drawing)}
        assert not tags & {"script", "img", "b", "i"}
    assert {"<img src=x onerror=alert(1)>", "50%_of_a&b", "a|b c"} <= set(texts(forest))
    assert set(factory.HOSTILE_CLASSES) <= set(texts(members))


def test_the_published_best_size_is_marked_where_there_are_nine() -> None:
    nine = factory.study(9, images=70)
    marked = dict(figure_jobs(Findings.of(nine, FEW)))["growth"]()
    assert isinstance(marked, Drawing)
    assert "report nine: best with 8 of 9 members, about 69 %" in texts(marked)
    few = dict(figure_jobs(Findings.of(factory.study(3, images=70), FEW)))["growth"]()
    assert isinstance(few, Drawing)
    assert not [text for text in texts(few) if "report nine" in text]


def test_confusion_shares_are_of_the_true_class() -> None:
    shares = row_shares(np.array([[3, 1], [0, 0]]))
    assert shares.tolist() == [[0.75, 0.25], [0.0, 0.0]]
    drawing = figures.confusion("c", "x", np.array([[3, 1], [0, 4]]), ["a", "b"])
    assert {"75", "25", "100", "3", "1", "4"} <= set(texts(drawing))
    assert drawing.alt == "7 of 8 test images right; a 75.0 %, b 100.0 %."


def test_reliability_bins_add_up_to_the_calibration_error() -> None:
    test = factory.study(1, images=350).test
    logits = test.logits[0]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confidence, accuracy, share = reliability_bins(probabilities, test.labels)
    assert share.sum() == pytest.approx(1)
    assert (share * abs(confidence - accuracy)).sum() == pytest.approx(
        metrics.expected_calibration_error(probabilities, test.labels)
    )


def test_two_classes_leave_disgust_out() -> None:
    classes = factory.CLASSES
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(7), size=200)
    labels = rng.integers(0, 7, size=200)
    right = []
    for row, label in zip(probabilities, labels, strict=True):
        if classes[label] == "disgust":
            continue
        negative = sum(row[classes.index(name)] for name in NEGATIVE)
        positive = sum(row[classes.index(name)] for name in POSITIVE)
        right.append((positive > negative) == (classes[label] in POSITIVE))
    assert two_class_accuracy(probabilities, labels, classes) == (np.mean(right), len(right))
    assert two_class_accuracy(probabilities[:1], np.array([1]), classes) == (0.0, 0)


def test_members_of_a_family_share_a_colour() -> None:
    styles = looks(factory.NINE)
    assert len({styles[name]["color"] for name in factory.NINE}) == 3
    assert len({(s["color"], s["linestyle"]) for s in styles.values()}) == 9
    assert len({s["color"] for s in looks(["six-1", "six-2", "six-3"]).values()}) == 3


def test_long_names_lose_their_middle() -> None:
    assert shorten("a" * 10 + "b" * 30, 11) == "aaaaa…bbbbb"
    assert shorten("short") == "short"


class TestImages:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 48, 48), dtype=np.uint8)
    labels = rng.integers(0, 7, size=40)

    def test_samples_show_every_class_in_a_row(self) -> None:
        panel = sample_panel(self.images, self.labels, factory.CLASSES, each=3)
        assert panel.images.shape == (21, 48, 48)
        assert panel.captions[::3] == factory.CLASSES
        for row, label in enumerate(range(7)):
            own = [image.tobytes() for image in self.images[self.labels == label]]
            shown = panel.images[3 * row : 3 * row + min(3, len(own))]
            assert all(image.tobytes() in own for image in shown)

    def test_a_class_with_too_few_images_leaves_blanks(self) -> None:
        panel = sample_panel(self.images[:1], self.labels[:1] * 0, ["a", "b"], each=2)
        assert [bool((image == 255).all()) for image in panel.images] == [False, True, True, True]

    def test_copies_follow_their_original(self) -> None:
        copies = np.stack([self.images[10:12], self.images[20:22]], axis=1)
        panel = transformed_panel(self.images[:2], copies)
        wanted = self.images[[0, 10, 20, 1, 11, 21]]
        assert (panel.images == wanted).all()
        assert panel.captions == ("original", "copy 1", "copy 2", "", "", "")

    def test_predictions_show_right_ones_and_wrong_ones(self) -> None:
        probabilities = self.rng.dirichlet(np.ones(7), size=40)
        probabilities[:20] = 0.05 + 0.65 * np.eye(7)[self.labels[:20]]
        panel = prediction_panel(self.images, self.labels, probabilities, factory.CLASSES, each=4)
        assert panel.probabilities is not None and panel.labels is not None
        right = panel.probabilities.argmax(-1) == panel.labels
        assert right.tolist() == [True] * 4 + [False] * 4
        drawing = image_grid(panel)
        assert f"true: {factory.CLASSES[panel.labels[0]]}" in texts(drawing)
        assert any(text.startswith(factory.CLASSES[panel.labels[0]]) for text in texts(drawing))

    def test_what_is_no_image_is_refused(self) -> None:
        with pytest.raises(ReportError) as caught:
            Panel("p", "P", 1, self.images.astype(float), ("",) * 40)  # type: ignore[arg-type]
        assert str(caught.value) == (
            "the images of 'p' have shape (40, 48, 48) and type float64: accepted is at least one "
            "gray image, uint8 (N, H, W)"
        )
        with pytest.raises(ReportError) as caught:
            Panel("p", "P", 1, self.images, ("one",))
        assert str(caught.value) == (
            "'p' has 40 images and 1 captions: accepted is one caption for each image"
        )
