"""A change token: a digest of whatever an engine knows about a table that changes when its rows do."""

from __future__ import annotations

import hashlib


def digest(content: object) -> str:
    """Return 16 hexadecimal characters for the ``repr`` of ``content``."""
    return hashlib.sha256(repr(content).encode("utf-8", "surrogateescape")).hexdigest()[:16]
