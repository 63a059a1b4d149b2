"""What the command line answers to a request that makes no sense."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be carried out. The message is one sentence: what, where, and what
    would be accepted. The command line prints it and exits with 2."""
