"""What every expected failure has in common."""

from __future__ import annotations


class MetaOrchError(Exception):
    """Something that a person can mend: its text says what is wrong and what to change, and holds
    no secret. The command line prints it without a traceback."""
