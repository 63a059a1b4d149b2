"""Decodes pictures that nobody vouches for, in bounded memory and with clear errors.

A picture's size is read from its header and checked before a pixel is decoded, so a small file that
claims gigapixels costs nothing.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmark.datasets import SIDE, DataError

SUFFIXES = (".jpg", ".jpeg", ".png")
FORMATS = ("JPEG", "PNG")
MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK"})
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000
"""Larger than any camera's photograph that is worth 48x48 pixels; 64 MB once decoded to gray."""
MANY_PIXELS = 8_000_000
"""Pictures with more are decoded one at a time: in full colour the largest takes 256 MB."""
MOST_THREADS = 4
_LARGE = threading.Lock()

Buffer: TypeAlias = Any
"""bytes, or anything that gives them without a copy."""
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_threads(work: Callable[[_In], _Out], items: Sequence[_In]) -> Iterator[_Out]:
    """`work(item)` for all items, in order, on several cores (Pillow decodes without the GIL)."""
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        yield from pool.map(work, items)


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Make Pillow's warning about gigantic pictures an error, and silence its others.

    Warning filters belong to the process, so this is entered once around all decoding threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def open_picture(source: Buffer | Path, where: str) -> Image.Image:
    """Open and decode a JPEG or PNG to 8-bit gray; `where` names it in errors."""
    return _decode(source, where, None)


def decode_face(source: Buffer | Path, where: str) -> npt.NDArray[np.uint8]:
    """Decode a picture that must have 48x48 pixels: uint8 (48, 48)."""
    return np.asarray(_decode(source, where, (SIDE, SIDE)), dtype=np.uint8)


def _decode(source: Buffer | Path, where: str, wanted: tuple[int, int] | None) -> Image.Image:
    try:
        data = _bytes(source, where)
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_header(picture, where, wanted)
            # JPEG holds gray apart from colour: three times less to decode.
            picture.draft("L", picture.size)
            large = picture.size[0] * picture.size[1] > MANY_PIXELS
            with _LARGE if large else nullcontext():
                return picture.convert("L")
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(_too_large(where)) from None
    except Exception:  # Pillow raises whatever its parsers meet: OSError, SyntaxError, struct.error
        raise DataError(
            f"{where} is not a picture that can be decoded: accepted are whole JPEG and PNG files"
        ) from None


def _bytes(source: Buffer | Path, where: str) -> Buffer:
    size = source.stat().st_size if isinstance(source, Path) else len(memoryview(source))
    if size > MAX_BYTES:
        raise DataError(
            f"{where} takes {size:,} bytes: accepted are pictures of at most {MAX_BYTES:,}"
        )
    return source.read_bytes() if isinstance(source, Path) else source


def _check_header(picture: Image.Image, where: str, wanted: tuple[int, int] | None) -> None:
    width, height = picture.size
    if wanted is not None and (width, height) != wanted:
        raise DataError(
            f"{where} has {width}x{height} pixels: accepted are {wanted[0]}x{wanted[1]}"
        )
    if width * height > MAX_PIXELS:
        raise DataError(_too_large(where))
    if picture.mode not in MODES:
        raise DataError(
            f"{where} has pixels of kind {picture.mode!r}: accepted are 8-bit gray and colour"
        )


def _too_large(where: str) -> str:
    return f"{where} claims more than {MAX_PIXELS:,} pixels: accepted are smaller pictures"
