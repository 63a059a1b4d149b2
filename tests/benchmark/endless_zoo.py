"""Two members whose training takes longer than any test waits."""

from __future__ import annotations

from tests.benchmark.faulty_zoo import member
from tests.zoo.tiny import build

MEMBERS = tuple(member(f"endless-{letter}", build, epochs=100_000) for letter in "ab")
