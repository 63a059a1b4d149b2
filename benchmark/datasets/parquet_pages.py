"""Reads the page headers of a parquet file: how many bytes its columns really unpack to.

The footer only claims it, and a reader allocates what each page's own header says, so a file of
20 kB with a false footer could take gigabytes. Source: the Apache Parquet format, `PageHeader`, in
the compact protocol of Apache Thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

MAX_HEADER = 65_536
MAX_PAGES = 100_000
_DELTA_BYTE_ARRAY = 7
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Page:
    """One page's header: bytes once unpacked, and whether values repeat their neighbours' starts
    (the encoding DELTA_BYTE_ARRAY, which can unpack to any multiple of its page)."""

    unpacked: int
    shares_prefixes: bool


def pages(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """The pages of one column chunk, which takes `length` bytes of the file from `start`.

    Raises `ValueError` where the bytes are no page headers.
    """
    position, end = start, start + length
    for _ in range(MAX_PAGES):
        if position >= end:
            return
        file.seek(position)
        reader = _Compact(file.read(MAX_HEADER))
        header = reader.struct()
        unpacked, packed = header.get(2), header.get(3)
        if not (isinstance(unpacked, int) and isinstance(packed, int)):
            raise ValueError("a page header without sizes")
        if unpacked < 0 or packed < 0:
            raise ValueError("a page header with a negative size")
        encodings = (_encoding(header.get(5), 2), _encoding(header.get(8), 4))
        yield Page(unpacked, _DELTA_BYTE_ARRAY in encodings)
        position += reader.position + packed
    raise ValueError("too many pages")


def _encoding(data_header: Any, field: int) -> Any:
    return data_header.get(field) if isinstance(data_header, dict) else None


class _Compact:
    """A cursor over bytes in Thrift's compact protocol; whatever is wrong raises `ValueError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The fields of a struct by their numbers."""
        if depth > _MAX_DEPTH:
            raise ValueError("structs nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 15
            number = number + delta if delta else self._signed()
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):  # inside a list, a boolean takes a byte as well
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"a field of unknown kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        if size > len(self._data) or depth > _MAX_DEPTH:
            raise ValueError("a list longer than its file")
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("a number longer than 64 bits")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        found = self._data[self.position : self.position + count]
        if len(found) != count:
            raise ValueError("the bytes end within a header")
        self.position += count
        return found
