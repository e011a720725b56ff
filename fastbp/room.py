"""How much memory there is: asked before much of it is taken.

A system that hands out more than it has ends processes when the memory is written to. So what
cannot fit is refused before, and by name.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

# Less than this is asked of the system and not looked at here.
LARGE_BYTES = 1 << 30
FREE = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)


def free_bytes() -> int:
    """Return the bytes that the system can give without swapping, or all there are, or a bound."""
    try:
        found = FREE.search(Path("/proc/meminfo").read_text())
        if found:
            return 1024 * int(found[1])
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return sys.maxsize


def require_room(what: str, n_bytes: int) -> None:
    """Refuse something of so many bytes if there cannot be room for it.

    Raises
    ------
    MemoryError
        It is larger than the memory that is free.
    """
    if n_bytes >= LARGE_BYTES and n_bytes > (free := free_bytes()):
        raise MemoryError(f"{what} must fit in memory ({free} bytes free), got {n_bytes} bytes")
