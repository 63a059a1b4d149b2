from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.datasets import DataError, pictures
from benchmark.datasets.pictures import decode_face, in_threads, open_picture, quiet_decoding

from .writers import encode

FACE = np.arange(2304, dtype=np.uint32).reshape(48, 48).astype(np.uint8)
PNG, JPEG = encode(FACE), encode(FACE, "JPEG")
NOT_DECODABLE = "X is not a picture that can be decoded: accepted are whole JPEG and PNG files"


def saved(picture: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def giant_png(side: int) -> bytes:
    """A few bytes that claim side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def refusal(data: bytes) -> str:
    with quiet_decoding(), pytest.raises(DataError) as error:
        open_picture(data, "X")
    return str(error.value)


def test_gray_png_comes_back_exactly_and_colour_as_gray() -> None:
    assert np.array_equal(decode_face(PNG, "X"), FACE)
    colour = Image.fromarray(FACE).convert("RGB")
    assert np.array_equal(decode_face(saved(colour), "X"), FACE)
    jpeg = decode_face(saved(colour, "JPEG"), "X").astype(int)
    assert np.abs(jpeg - decode_face(JPEG, "X")).max() <= 12


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_gigantic_pictures_are_refused_by_their_header(side: int) -> None:
    assert refusal(giant_png(side)) == (
        "X claims more than 64,000,000 pixels: accepted are smaller pictures"
    )


@pytest.mark.parametrize(
    "data", [b"", b"no picture", saved(Image.fromarray(FACE), "GIF"), PNG[:60], JPEG[:200]]
)
def test_what_is_no_whole_jpeg_or_png(data: bytes) -> None:
    assert refusal(data) == NOT_DECODABLE


def test_other_sizes_and_depths_are_refused() -> None:
    with pytest.raises(DataError) as error:
        decode_face(encode(FACE[:40]), "X")
    assert str(error.value) == "X has 48x40 pixels: accepted are 48x48"
    deep = saved(Image.fromarray(FACE.astype(np.uint16) * 200))
    assert refusal(deep) == ("X has pixels of kind 'I;16': accepted are 8-bit gray and colour")


def test_files_too_large_to_be_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with pytest.raises(DataError) as error:
        open_picture(path, str(path))
    assert str(error.value) == (
        f"{path} takes {len(PNG):,} bytes: accepted are pictures of at most 100"
    )


def test_threads_keep_the_order_and_hand_errors_on() -> None:
    assert list(in_threads(lambda n: n * n, range(100))) == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda n: 1 // n, [1, 0]))


@given(data=st.binary(max_size=300), kind=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"]))
@example(data=b"", kind=b"\xff\xd8\xff\xe0")
@settings(deadline=None)
def test_any_bytes_are_refused(data: bytes, kind: bytes) -> None:
    refusal(kind + data)


@given(
    place=st.integers(0, 3000),
    junk=st.binary(min_size=1, max_size=8),
    whole=st.sampled_from([PNG, JPEG]),
)
@settings(deadline=None, max_examples=200)
def test_damaged_pictures_are_decoded_or_refused(place: int, junk: bytes, whole: bytes) -> None:
    place %= len(whole)
    with quiet_decoding():
        try:
            face = decode_face(whole[:place] + junk + whole[place + len(junk) :], "X")
        except DataError:
            return
    assert face.shape == (48, 48)
