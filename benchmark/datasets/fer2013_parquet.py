"""Reads FER2013 from parquet files as on the Hugging Face hub, rows in the files' own order.

Images are `image: struct<bytes, path>` or plain bytes (`img_bytes`); labels are numbers whose class
names stand in the schema's `huggingface` metadata, or names. The order of classes is never assumed:
numbers without names are accepted only when the class counts prove them.

A hostile file is refused before it is unpacked, by the headers of its pages. Image bytes are read
as dictionaries, so a value that is repeated a million times is held once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.datasets import CLASS_NAMES, SIDE, DataError
from benchmark.datasets.official import (
    OFFICIAL_COUNTS,
    class_counts,
    label_of,
    labels_of,
    split_of,
    split_of_file_name,
)
from benchmark.datasets.parquet_pages import pages
from benchmark.datasets.pictures import decode_face, quiet_decoding
from benchmark.datasets.rows import MAX_ROWS, Rows, too_many_rows

IMAGE_COLUMNS = ("image", "img_bytes", "img", "image_bytes")
LABEL_COLUMNS = ("label", "labels", "emotion")
MAX_UNPACKED = 160_000_000
"""Bytes of image and label columns in all files; FER2013 has 67 MB as JPEG, 132 MB as PNG.
It may lie in one page, which pyarrow holds up to four times while it reads."""
BATCH = 1024
MAX_WORD = 1000
"""Bytes of a path or a class name."""


@dataclass(frozen=True)
class _Layout:
    """Which columns hold what. nested: images are a struct with `bytes` and perhaps `path`."""

    image: str
    label: str
    nested: bool
    text_labels: bool
    classes: npt.NDArray[np.int64] | None
    """The official label of each of the file's classes; None: the file does not name them."""

    @property
    def byte_columns(self) -> list[str]:
        """Columns of variable length: each value that repeats must be held once."""
        images = [f"{self.image}.bytes", f"{self.image}.path"] if self.nested else [self.image]
        return [*images, self.label] if self.text_labels else images


@dataclass(frozen=True, eq=False)
class _Part:
    """One file's rows: images (N, 48, 48), official labels (N,), file names or ''."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    names: list[str]


def split_of_parquet(path: Path) -> str | None:
    """The split told by 'train-00000-of-00001.parquet' or 'default/train/0000.parquet'."""
    return split_of(path.stem.split("-")[0]) or split_of(path.parent.name)


def read_parquet(files: Sequence[Path]) -> Rows:
    """Read all files; their names (or their folders') tell the splits."""
    declared = [_declared(path, len(files)) for path in files]
    layouts = _inspect(files)
    parts = [_read_file(path, layout) for path, layout in zip(files, layouts, strict=True)]
    labels = np.concatenate([part.labels for part in parts])
    splits = np.repeat(declared, [len(part.labels) for part in parts])
    _check_order(files, layouts, labels[splits == "train"])
    names = [split_of_file_name(name) or "" for part in parts for name in part.names]
    return Rows(
        images=np.concatenate([part.images for part in parts]),
        labels=labels,
        declared=splits.astype(np.str_),
        named=np.array(names, dtype=np.str_),
    )


def _check_order(
    files: Sequence[Path], layouts: Sequence[_Layout], train_labels: npt.NDArray[np.int64]
) -> None:
    """Numbers without class names are in the official order only if the class counts say so."""
    unnamed = [
        path
        for path, layout in zip(files, layouts, strict=True)
        if layout.classes is None and not layout.text_labels
    ]
    if unnamed and class_counts(train_labels) != OFFICIAL_COUNTS["train"]:
        raise DataError(
            f"{unnamed[0]} does not name its classes, and its class counts are not FER2013's, so "
            "the order of its labels is unknown: accepted are class names in the schema's "
            "huggingface metadata, or labels given as names"
        )


def _declared(path: Path, count: int) -> str:
    split = split_of_parquet(path)
    if split is None and count > 1:
        raise DataError(
            f"the name of {path} tells no split: accepted are names that begin with train, "
            "validation or test (or publicTest, privateTest), such as train-00000-of-00001.parquet"
        )
    return split or ""


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever pyarrow raises about a file becomes one sentence."""
    try:
        yield
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError):
        raise DataError(
            f"{path} is damaged or no parquet file: accepted are whole parquet files as on the "
            "Hugging Face hub"
        ) from None


def _open(path: Path, dictionaries: Sequence[str] = ()) -> Any:
    return pq.ParquetFile(
        path,
        read_dictionary=list(dictionaries),
        thrift_string_size_limit=2**24,
        thrift_container_size_limit=2**20,
    )


def _inspect(files: Sequence[Path]) -> list[_Layout]:
    """Read footers and page headers: each file's layout, and whether all of it fits in memory."""
    layouts = []
    rows = unpacked = 0
    for path in files:
        with _readable(path), _open(path) as file:
            layout = _layout(file.schema_arrow, path)
            rows += file.metadata.num_rows
            unpacked += _unpacked_bytes(path, file.metadata, (layout.image, layout.label))
        if rows > MAX_ROWS:
            raise too_many_rows(str(path))
        if unpacked > MAX_UNPACKED:
            raise DataError(
                f"{path} would unpack to {unpacked:,} bytes or more: accepted are at most "
                f"{MAX_UNPACKED:,} in all files"
            )
        layouts.append(layout)
    return layouts


def _unpacked_bytes(path: Path, metadata: Any, wanted: Sequence[str]) -> int:
    """What the wanted columns unpack to, by the headers of their pages, not by the footer."""
    total = 0
    with path.open("rb") as file:
        for start, length in _chunks(metadata, wanted):
            for page in pages(file, start, length):
                total += page.unpacked
                if page.shares_prefixes:
                    raise DataError(
                        f"{path} packs its columns as DELTA_BYTE_ARRAY, which can unpack to any "
                        "size: accepted are plain and dictionary encoding"
                    )
                if total > MAX_UNPACKED:  # here, so that a long file is not walked to its end
                    return total
    return total


def _chunks(metadata: Any, wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(start, length) in the file of each stretch that holds a wanted column."""
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        for i in range(columns.num_columns):
            column = columns.column(i)
            if column.path_in_schema.split(".")[0] in wanted:
                start = int(column.data_page_offset)
                if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
                    start = int(column.dictionary_page_offset)
                yield start, int(column.total_compressed_size)


def _layout(schema: Any, path: Path) -> _Layout:
    image = _column(schema, IMAGE_COLUMNS, "image", path)
    label = _column(schema, LABEL_COLUMNS, "label", path)
    kind = schema.field(image).type
    nested = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    content = kind.field("bytes").type if nested else kind
    if not (pa.types.is_binary(content) or pa.types.is_large_binary(content)):
        raise DataError(
            f"the column {image!r} of {path} has the type {str(kind)[:60]}: accepted are encoded "
            "pictures, as bytes or as a struct of bytes and path"
        )
    kind = schema.field(label).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_integer(kind)):
        raise DataError(
            f"the column {label!r} of {path} has the type {str(kind)[:60]}: accepted are whole "
            "numbers or class names"
        )
    names = None if text else _class_names(schema, label, path)
    classes = None if names is None else labels_of(names, f"the huggingface metadata of {path}")
    return _Layout(image, label, nested, text, classes)


def _column(schema: Any, wanted: Sequence[str], what: str, path: Path) -> str:
    found = next((name for name in wanted if schema.get_field_index(name) >= 0), None)
    if found is None:
        raise DataError(
            f"{path} has no {what} column (found: {', '.join(schema.names[:8])[:100]}): accepted "
            f"are {', '.join(wanted)}"
        )
    return found


def _class_names(schema: Any, label: str, path: Path) -> list[str] | None:
    """The names of classes 0, 1, … in the schema's `huggingface` metadata; None: not told."""
    stored = (schema.metadata or {}).get(b"huggingface")
    if stored is None:
        return None
    try:
        names = json.loads(stored)["info"]["features"][label].get("names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(
            f"the huggingface metadata of {path} does not describe the column {label!r}: accepted "
            "is metadata as the datasets library writes it"
        ) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if all(name.isdecimal() for name in names):  # "0", "1", … name nothing
        return None
    return names


def _read_file(path: Path, layout: _Layout) -> _Part:
    images, labels, names = [np.empty((0, SIDE, SIDE), np.uint8)], [np.empty(0, np.int64)], []
    seen = 0
    with _readable(path), _open(path, layout.byte_columns) as file, quiet_decoding():
        columns = [layout.image, layout.label]
        for batch in file.iter_batches(BATCH, columns=columns, use_threads=False):
            pictures, paths = _picture_columns(batch.column(layout.image), layout)
            images.append(_faces(pictures, path, seen))
            labels.append(_labels(batch.column(layout.label), layout, path, seen))
            names.extend(_texts(paths) if paths is not None else [""] * batch.num_rows)
            seen += batch.num_rows
            if seen > MAX_ROWS:
                raise too_many_rows(str(path))
    return _Part(np.concatenate(images), np.concatenate(labels), names)


def _picture_columns(column: Any, layout: _Layout) -> tuple[Any, Any | None]:
    """The encoded pictures and, where there are any, their paths."""
    if not layout.nested:
        return column, None
    # flatten, unlike field, hands a missing struct on to its children
    children = dict(zip((f.name for f in column.type), column.flatten(), strict=True))
    return children["bytes"], children.get("path")


def _faces(pictures: Any, path: Path, before: int) -> npt.NDArray[np.uint8]:
    # Decoding 48x48 pixels is mostly Python: threads would only wait for one another.
    values, indices = _dictionary(pictures)
    faces = np.empty((len(indices), SIDE, SIDE), dtype=np.uint8)
    for row, index in enumerate(indices):
        where = f"{path}, row {before + row + 1}"
        if index is None or not values[index].is_valid:
            raise DataError(f"{where} has no picture: accepted are JPEG and PNG bytes in each row")
        faces[row] = decode_face(values[index].as_buffer(), where)
    return faces


def _labels(column: Any, layout: _Layout, path: Path, before: int) -> npt.NDArray[np.int64]:
    if layout.text_labels:
        found: list[int | None] = [label_of(word) for word in _texts(column)]
    else:
        table = range(len(CLASS_NAMES)) if layout.classes is None else layout.classes
        found = [
            int(table[n]) if n is not None and 0 <= n < len(table) else None
            for n in column.to_pylist()
        ]
    if None in found:
        row = found.index(None)
        value = _texts(column)[row] if layout.text_labels else column[row].as_py()
        raise DataError(
            f"{path}, row {before + row + 1} has the label {str(value)[:30]!r}: accepted are "
            f"{', '.join(CLASS_NAMES) if layout.text_labels else f'0 to {len(table) - 1}'}"
        )
    return np.array(found, dtype=np.int64)


def _texts(column: Any) -> list[str]:
    """Words of a text column; missing or longer than any path: ''. Repeated ones are held once."""
    values, indices = _dictionary(column)
    words = [
        word.as_py() if word.is_valid and len(word.as_buffer()) <= MAX_WORD else ""
        for word in values
    ]
    return ["" if index is None else words[index] for index in indices]


def _dictionary(column: Any) -> tuple[Any, list[int | None]]:
    """The distinct values, and for each row which of them it holds (None: nothing)."""
    if not isinstance(column, pa.DictionaryArray):
        column = column.dictionary_encode()
    return column.dictionary, column.indices.to_pylist()
