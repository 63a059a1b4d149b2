"""A failed training is remembered: later tables say who is missing and why, until it succeeds."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from benchmark.cli import run
from benchmark.errors import RequestError
from benchmark.events import Event
from benchmark.failures import (
    SET_ASIDE,
    UNREADABLE,
    Failure,
    damaged_failures,
    failure_path,
    forget_failure,
    read_failures,
    remember_failure,
)
from benchmark.importing import import_member
from benchmark.samples import facts_of, write_samples
from benchmark.stages import gather, train_members
from benchmark.store import LogitsStore
from reports.study import Missing
from tests.benchmark import small
from zoo.member import ZooError

DIVERGED = "the loss is not finite in epoch 1: a smaller learning rate than 1e+30 is needed"


def test_what_is_remembered_is_read_until_it_is_forgotten(tmp_path: Path) -> None:
    assert read_failures(tmp_path) == ()
    first, second = Failure("one", 1, "no reason"), Failure("one", 0, "é <b>", "key")
    for failure in (Failure("one", 1, "another"), first, second):
        remember_failure(tmp_path, failure)
    assert read_failures(tmp_path) == (second, first)
    assert damaged_failures(tmp_path) == ()
    forget_failure(tmp_path, "one", 1)
    forget_failure(tmp_path, "one", 1)
    assert read_failures(tmp_path) == (second,)
    assert (first.told, second.told) == ("seed 1: no reason", "é <b>")


def test_a_damaged_record_still_names_the_member(tmp_path: Path) -> None:
    remember_failure(tmp_path, Failure("one-seed9", 2, DIVERGED))
    path = failure_path(tmp_path, "one-seed9", 2)
    whole = path.read_bytes()
    chance = random.Random(0)
    for place in range(len(whole)):
        changed = bytes([whole[place] ^ 1 << chance.randrange(8)])
        path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        assert read_failures(tmp_path) == (Failure("one-seed9", 2, UNREADABLE),)
        assert damaged_failures(tmp_path) == (path,)
    path.write_bytes(whole)
    path.rename(path.with_name("two-seed2.json"))  # whole, but another member's
    assert read_failures(tmp_path) == (Failure("two", 2, UNREADABLE),)


@pytest.mark.parametrize(
    "name", ["<b>-seed0.json", "one-seedx.json", "..-seed0.json", "notes.json"]
)
def test_what_is_no_record_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / name).write_bytes(b"{}")
    assert read_failures(tmp_path) == ()


def test_a_hostile_name_is_refused_before_it_becomes_a_path(tmp_path: Path) -> None:
    with pytest.raises(ZooError):
        remember_failure(tmp_path / "store", Failure("../x", 0, ""))
    assert list(tmp_path.iterdir()) == []


def zoo(folder: Path, learning_rate: float) -> Path:
    """A file with two members, of which one diverges at a high rate."""
    path = folder / f"zoo{learning_rate:g}.py"
    path.write_text(
        "from tests.benchmark.faulty_zoo import build, member\n"
        f"MEMBERS = (member('steep', build, learning_rate={learning_rate!r}), "
        "member('sound', build))\n"
    )
    return path


def trained(folder: Path, learning_rate: float) -> tuple[Failure, ...]:
    plan = small.plan(folder / "results", "steep,sound", zoo(folder, learning_rate))
    return train_members(plan, small.dataset(), lambda event: None).failed


def test_later_tables_say_who_is_missing_until_it_succeeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, place = tmp_path / "results" / "faces-quick", ["--results", str(tmp_path / "results")]
    (failure,) = trained(tmp_path, 1e30)
    assert (failure.member, failure.reason) == ("steep", DIVERGED)
    assert run(["score", *place]) == 0
    caption = (root / "tables" / "members.md").read_text()
    assert f"Missing: steep ({DIVERGED})." in " ".join(caption.split())
    assert capsys.readouterr().err.strip() == f"missing steep: {DIVERGED}"
    assert gather(root, members=["sound"]).missing == ()
    assert gather(root, members=["sound", "steep"]).missing == (Missing("steep", DIVERGED),)
    assert run(["verify", *place]) == 0
    assert trained(tmp_path, 0.01) == ()
    assert read_failures(root) == ()
    assert gather(root).missing == ()
    assert gather(root).test.members == ("sound", "steep")


def test_the_logits_before_do_not_stand_in_for_a_training_that_failed(tmp_path: Path) -> None:
    root = tmp_path / "results" / "faces-quick"
    assert trained(tmp_path, 0.01) == ()
    before = LogitsStore(root).read("steep", 0)
    assert before is not None
    trained(tmp_path, 1e30)
    assert gather(root).test.members == ("sound",)
    assert gather(root).missing == (Missing("steep", DIVERGED),)
    again = LogitsStore(root).read("steep", 0)
    assert again is not None and again.manifest == before.manifest  # kept all the same
    assert trained(tmp_path, 0.01) == ()  # the recipe before: reused
    assert gather(root).test.members == ("sound", "steep")


def test_a_record_that_outlived_its_mend_counts_no_more(tmp_path: Path) -> None:
    root = tmp_path
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    entry = small.commit(root, 1).read("one", 0)
    assert entry is not None
    remember_failure(
        root, Failure("one", 0, "killed before it was forgotten", entry.manifest["key"])
    )
    assert gather(root).missing == ()
    remember_failure(root, Failure("one", 1, "no room"))
    assert gather(root).missing == (Missing("one", "seed 1: no room"),)
    assert gather(root).test.members == ("one",)


def test_a_failure_that_the_disk_could_not_remember_is_told_by_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchmark.failures.write_bytes", full)
    failed = trained(tmp_path, 1e30)
    root = tmp_path / "results" / "faces-quick"
    assert read_failures(root) == ()
    assert gather(root, failed=failed).missing == (Missing("steep", DIVERGED),)


def test_imported_logits_take_the_place_of_a_failure(tmp_path: Path) -> None:
    write_samples(tmp_path, small.dataset(), facts_of(small.dataset()))
    remember_failure(tmp_path, Failure("seer", 0, "no room"))
    path = tmp_path / "seer.npy"
    np.save(path, small.logits(1)["test"])
    import_member(tmp_path, "seer", path, path)
    assert gather(tmp_path).missing == ()


def test_predictions_are_refused_where_the_last_training_failed(tmp_path: Path) -> None:
    from PIL import Image

    from benchmark.predicting import predict

    root = tmp_path / "results" / "faces-quick"
    trained(tmp_path, 0.01)
    trained(tmp_path, 1e30)
    picture = tmp_path / "face.png"
    Image.fromarray(small.dataset().test.images[0]).save(picture)
    with pytest.raises(RequestError) as caught:
        predict(root, [picture], members=["steep", "sound"], zoo=[zoo(tmp_path, 0.01)])
    assert str(caught.value) == f"'steep' cannot be used ({DIVERGED}): name others with --members"


def test_a_run_whose_every_member_fails_is_no_senseless_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.datasets.loading.load_dataset", lambda *_: small.dataset())
    words = ["--zoo", str(zoo(tmp_path, 1e30)), "--results", str(tmp_path), "--device", "cpu"]
    assert run(["run-all", *words, "--members", "steep", "--jobs", "1"]) == 1
    assert capsys.readouterr().err.strip() == (
        f"error: no member has results in {tmp_path}/faces-quick/logits (steep is missing: "
        f"{DIVERGED}): mend that, then train or import again"
    )


def test_a_file_that_ends_the_program_fails_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import sys\nsys.exit(0)\n")
    assert run(["members", "--zoo", str(path)]) == 2
    assert capsys.readouterr().err.strip() == f"error: {path}, line 2: SystemExit: 0"


def test_a_network_that_ends_the_program_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import sys\nfrom tests.benchmark.faulty_zoo import build, member\n"
        "MEMBERS = (member('leaver', lambda width: sys.exit(3)), member('sound', build))\n"
    )
    events: list[Event] = []
    plan = small.plan(tmp_path, "leaver,sound", path)
    done = train_members(plan, small.dataset(), events.append)
    assert [(f.member, f.reason) for f in done.failed] == [("leaver", "SystemExit: 3")]
    assert done.trained == (("sound", 0),)


def test_what_was_set_aside_is_missing_until_it_is_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, place = tmp_path / "results" / "faces-quick", ["--results", str(tmp_path / "results")]
    assert trained(tmp_path, 0.01) == ()
    path = root / "logits" / "steep" / "seed0" / "test.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert run(["score", *place]) == 1
    assert capsys.readouterr().err.strip() == (
        f"missing steep: damaged (seed 0): {path} cannot be read (SafetensorError)"
    )
    assert run(["verify", *place, "--repair"]) == 0
    capsys.readouterr()
    assert run(["score", *place]) == 0
    assert capsys.readouterr().err.strip() == f"missing steep: {SET_ASIDE}"
    assert trained(tmp_path, 0.01) == ()
    assert gather(root).missing == ()


@pytest.mark.parametrize("command", ["score", "report"])
def test_where_every_entry_is_damaged_the_damage_is_the_answer(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    small.commit(root, 1)
    path = root / "logits" / "one" / "seed0" / "test.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert run([command, "--results", str(tmp_path)]) == 1
    assert capsys.readouterr().err.strip() == (
        f"error: no member has results in {root}/logits (one is missing: damaged (seed 0): {path} "
        "cannot be read (SafetensorError)): mend that, then train or import again"
    )


def stored(root: Path, *members: str) -> Path:
    """Samples and one entry of each member; the path of the last one's test logits."""
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for member in members:
        small.commit(root, len(member), member)
    return root / "logits" / members[-1] / "seed0" / "test.safetensors"


def test_a_member_whose_damaged_record_was_repaired_is_missing_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, place = tmp_path / "faces-quick", ["--results", str(tmp_path)]
    stored(root, "one", "two")
    remember_failure(root, Failure("two", 0, DIVERGED, "the key of another recipe"))
    path = failure_path(root, "two", 0)
    path.write_bytes(path.read_bytes()[:-1])
    broken = path.read_bytes()
    assert run(["verify", *place, "--repair"]) == 0
    capsys.readouterr()
    assert run(["verify", *place]) == 0
    assert run(["score", *place]) == 0
    assert capsys.readouterr().err.strip() == f"missing two: {UNREADABLE}"
    assert gather(root).test.members == ("one",)
    assert (root / "damaged" / "two-seed0.json-1").read_bytes() == broken


def test_what_was_set_aside_counts_as_soon_as_it_is_there_again(tmp_path: Path) -> None:
    stored(tmp_path, "one", "two")
    LogitsStore(tmp_path).set_aside("two", 0)
    assert gather(tmp_path).missing == (Missing("two", SET_ASIDE),)
    small.commit(tmp_path, 3, "two")  # killed before the record was removed
    assert len(read_failures(tmp_path)) == 1
    assert gather(tmp_path).missing == ()
    assert gather(tmp_path).test.members == ("one", "two")


def test_setting_aside_does_not_hide_that_a_training_failed(tmp_path: Path) -> None:
    stored(tmp_path, "one", "two")
    failure = Failure("two", 0, DIVERGED, "the key of another recipe")
    remember_failure(tmp_path, failure)
    LogitsStore(tmp_path).set_aside("two", 0)
    assert read_failures(tmp_path) == (failure,)
    small.commit(tmp_path, 3, "two")  # put back by hand, of the recipe before
    assert gather(tmp_path).missing == (Missing("two", DIVERGED),)


def test_a_failure_is_known_until_imported_logits_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stored(tmp_path, "one")
    failure = Failure("seer", 0, "no room")
    remember_failure(tmp_path, failure)
    path = tmp_path / "seer.npy"
    np.save(path, small.logits(1)["test"])
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.store.write_bytes", full)
        with pytest.raises(OSError, match="No space left on device"):
            import_member(tmp_path, "seer", path, path)
    assert gather(tmp_path).missing == (Missing("seer", "no room"),)
    import_member(tmp_path, "seer", path, path)
    assert gather(tmp_path).missing == ()


def test_one_table_alone_names_who_is_missing_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "faces-quick"
    words = ["report", "--results", str(tmp_path), "--table", "members", "--format", "csv"]
    path = stored(root, "one", "two")
    remember_failure(root, Failure("three", 0, DIVERGED))
    assert run(words) == 0
    told = capsys.readouterr()
    assert told.err.strip() == f"missing three: {DIVERGED}"
    assert [line.split(",")[0] for line in told.out.splitlines()] == ["member", "one", "two"]
    path.write_bytes(path.read_bytes()[:-1])
    assert run(words) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"missing three: {DIVERGED}",
        f"missing two: damaged (seed 0): {path} cannot be read (SafetensorError)",
    ]
