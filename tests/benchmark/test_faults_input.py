"""Readers of what anybody may hand over: whatever the bytes, no traceback reaches the user.

Each is asked through the command line, in this process. Datasets and foreign predictions are
fuzzed once more beside their own tests, and measured for memory in `test_faults_memory.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark import cli
from benchmark.checkpoints import SLOTS, CheckpointFile
from benchmark.datasets import DataError
from benchmark.failures import Failure, remember_failure
from benchmark.files import sealed_bytes
from benchmark.predicting import read_pictures
from benchmark.remembered import NAME, ShortTable, recall, remember
from benchmark.samples import facts_of, write_samples
from benchmark.speed.record import write_speed
from reports.published import parse
from reports.study import ReportError, TrainingSpeed
from tests.benchmark import small
from tests.benchmark.datasets.writers import write_csv, write_parquet
from tests.benchmark.test_folders import make

AUDIT = b"class,precision,recall,f1,support\nangry,0.45,0.5,0.47,491\nhappy,0.8,0.7,0.75,879\n"
ZOO = b"from tests.benchmark.faulty_zoo import build, member\nMEMBER = member('mine', build)\n"
DEEP = [b"[" * 99_999, b'{"a":' * 9_999, b"9" * 9_999, b"a = " + b"[" * 9_999, b"(" * 9_999]

Whole = Callable[[Path], None]


@dataclass(frozen=True)
class Reader:
    """A command that reads `file` in a folder that `prepare` fills."""

    prepare: Whole
    file: str
    words: tuple[str, ...]
    magic: bytes = b""


def written(name: str, data: bytes) -> Whole:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return write


def results(folder: Path) -> None:
    """A store of two members with everything that may lie in it."""
    root = folder / "faces-quick"
    write_samples(root, small.dataset(), facts_of(small.dataset()))
    for member in ("one", "two"):
        small.commit(root, len(member), member)
    speed = TrainingSpeed(device="a card", peak=None, workers=0, versions={}, members=())
    write_speed(root, speed)
    remember_failure(root, Failure("lost", 0, "no reason"))
    remember(root, "key", [], ShortTable("", (), (), (), ()))


ENTRY = "faces-quick/logits/one/seed0"
SCORE = ("score", "--results", "{}")
READERS = {
    "audit": Reader(written("a.csv", AUDIT), "a.csv", ("audit", "{}/a.csv")),
    "zoo": Reader(written("mine.py", ZOO), "mine.py", ("members", "--zoo", "{}/mine.py")),
    "manifest": Reader(results, f"{ENTRY}/manifest.json", SCORE),
    "logits": Reader(results, f"{ENTRY}/test.safetensors", SCORE),
    "samples": Reader(results, "faces-quick/samples/test.safetensors", SCORE),
    "speed": Reader(results, "faces-quick/speed.json", SCORE),
    "failure": Reader(results, "faces-quick/failed/lost-seed0.json", SCORE),
    "verify": Reader(results, f"{ENTRY}/manifest.json", ("verify", "--results", "{}")),
    "labels": Reader(make, "test/labels.npy", ("score", "--predictions", "{}"), b"\x93NUMPY\x01\0"),
    "classes": Reader(
        lambda folder: (make(folder), written("classes.txt", b"a\nb\nc\nd\n")(folder))[-1],
        "classes.txt",
        ("score", "--predictions", "{}"),
    ),
    "predictions": Reader(
        make, "test/one.npy", ("score", "--predictions", "{}"), b"\x93NUMPY\x01\0"
    ),
    "csv": Reader(
        lambda folder: write_csv(small.dataset(), folder / "faces.csv"),
        "faces.csv",
        ("data", "check", "{}/faces.csv"),
    ),
    "parquet": Reader(
        lambda folder: write_parquet(small.dataset(), folder),
        "train-00000-of-00001.parquet",
        ("data", "check", "{}"),
        b"PAR1",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def quick_tables() -> Iterator[None]:
    """What comes after reading is not what is tried here."""
    patch = pytest.MonkeyPatch()
    written = SimpleNamespace(summary=None, files=())
    patch.setattr("benchmark.stages.write_results", lambda study, root, **_: written)
    patch.setattr("benchmark.cli.short_table", lambda _: None)
    patch.setattr("benchmark.cli.print_ensembles", lambda *_: None)
    yield
    patch.undo()


def answer(words: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """The exit code, and what is said on standard error."""
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.StringIO()):
        code = cli.run([word.replace("{}", str(folder)) for word in words])
    return code, told.getvalue()


def check(words: tuple[str, ...], folder: Path) -> int:
    """Ask; the answer is that of the command, or sentences for people. Returns the exit code."""
    code, told = answer(words, folder)
    assert code in (0, 1, 2)
    starts = {line.split(" ")[0] for line in told.splitlines()}
    assert starts <= ({"error:"} if code == 2 else {"error:", "missing"}), told
    assert len(told.splitlines()) == 1 or code != 2
    return code


def damaged(whole: bytes, magic: bytes, data: st.DataObject) -> bytes:
    """Any bytes, or those of a whole file with some that are lost, other or more."""
    how = data.draw(st.sampled_from(["any", "deep", "part", "cut"]))
    if how == "any":
        return data.draw(st.sampled_from([b"", magic])) + data.draw(st.binary(max_size=200))
    if how == "deep":
        return data.draw(st.sampled_from(DEEP))
    place = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=12))
    return whole[:place] + junk + (b"" if how == "cut" else whole[place + len(junk) :])


FUZZED = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each reader, filled once."""
    folders = {}
    for name, reader in READERS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        reader.prepare(folders[name])
        assert check(reader.words, folders[name]) == 0, name
    return folders


@pytest.mark.parametrize("name", READERS)
@FUZZED
@given(data=st.data())
def test_whatever_the_bytes_no_traceback_reaches_the_user(
    name: str, data: st.DataObject, prepared: dict[str, Path]
) -> None:
    reader, folder = READERS[name], prepared[name]
    path = folder / reader.file
    whole = path.read_bytes()
    try:
        path.write_bytes(damaged(whole, reader.magic, data))
        check(reader.words, folder)
    finally:
        path.write_bytes(whole)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**20) | st.text(max_size=5) | st.floats(-1, 1),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("name", ["manifest", "speed", "failure"])
@FUZZED
@given(data=st.data())
def test_a_right_seal_over_wrong_fields_is_no_traceback_either(
    name: str, data: st.DataObject, prepared: dict[str, Path]
) -> None:
    reader, folder = READERS[name], prepared[name]
    path = folder / reader.file
    whole = path.read_bytes()
    fields = json.loads(whole)
    del fields["checksum"]
    changed = data.draw(st.sampled_from(sorted(fields)))
    fields[changed] = data.draw(VALUES)
    if data.draw(st.booleans()):
        del fields[changed]
    try:
        path.write_bytes(sealed_bytes(fields))
        check(reader.words, folder)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("seal", [False, True])
@FUZZED
@given(data=st.binary(max_size=200))
def test_any_bytes_are_no_checkpoint(seal: bool, data: bytes, tmp_path: Path) -> None:
    (tmp_path / SLOTS[0]).write_bytes((hashlib.sha256(data).digest() if seal else b"") + data)
    assert CheckpointFile(tmp_path, "key", 0).load() is None


@FUZZED
@given(data=st.data())
def test_any_bytes_are_no_report_that_was_remembered(data: st.DataObject, tmp_path: Path) -> None:
    remember(tmp_path, "key", [], ShortTable("", (), (), (), ()))
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(changed := damaged(whole, b"", data))
    assert (recall(tmp_path, "key") is None) == (changed != whole)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@FUZZED
@given(data=st.data())
def test_any_picture_is_shown_to_networks_or_refused(
    kind: str, data: st.DataObject, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(small.dataset().test.images[0]).save(buffer, kind)
    path = tmp_path / "face.png"
    path.write_bytes(damaged(buffer.getvalue(), buffer.getvalue()[:8], data))
    try:
        (face,) = read_pictures([path])
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert face.shape == (48, 48)


HEAD = 'key = "x"\ntitle = "X"\ndataset = "fer2013"\n'
FIGURE = {
    "place": '"T"',
    "kind": '"result"',
    "subject": '"m"',
    "metric": '"accuracy"',
    "value": "0.7",
    "unit": "0.01",
    "split": '"test"',
    "label": '"happy"',
    "precision": '"about"',
    "threshold": "0.5",
    "epoch": "3",
}
TABLE = {
    "place": '"T"',
    "subject": '"m"',
    "split": '"test"',
    "rows": '[["happy", 0.1, 0.2, 0.1, 3]]',
}
EXTREME = {
    **{key: FIGURE[key] for key in ("place", "subject", "split", "label", "value")},
    "metric": '"f1"',
    "which": '"highest"',
}
ODD = [
    *(
        "nan",
        "-inf",
        "1e999",
        "1e-999",
        "1e99999999",
        "-1",
        "true",
        '""',
        '"x"',
        "[]",
        "[[]]",
        "{}",
    ),
    *(
        "[[[[]]]]",
        "0x1F",
        "1979-05-27",
        "9" * 5000,
        "[" * 5000,
        '[["happy", nan, 1e9999, 1e999, 3]]',
    ),
]


@FUZZED
@given(data=st.data())
def test_any_published_report_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["group", "per_class", "extremes"]))
    entry = dict({"group": FIGURE, "per_class": TABLE, "extremes": EXTREME}[kind])
    for key in data.draw(st.lists(st.sampled_from(sorted(entry)), max_size=2)):
        entry[key] = data.draw(st.sampled_from(ODD))
    inner = ", ".join(f"{key} = {value}" for key, value in entry.items())
    listed = (
        f"{kind} = [{{ {inner} }}]"
        if kind == "per_class"
        else f"[[{kind}]]\nvalues = [{{ {inner} }}]"
    )
    whole = (HEAD + listed).encode()
    text = data.draw(
        st.just(whole) | st.builds(damaged, st.just(whole), st.just(b""), st.just(data))
    )
    try:
        report = parse(text.decode(errors="replace"), "x.toml")
    except ReportError as error:
        assert "\n" not in str(error)
    else:
        assert report.key
