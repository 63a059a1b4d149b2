"""What the command line answers to a request that makes no sense."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be carried out. The message is one sentence: what, where, and what
    would be accepted. The command line prints it and exits with 2."""


def printable(text: str) -> str:
    """`text` in one line that a terminal only shows: what would steer it stands as an escape.

    Names and cells of anybody's files come along in messages; a file name need not be Unicode.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
