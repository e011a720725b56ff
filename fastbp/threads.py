"""How many threads a fit uses: no more than the process may have, nor than the work pays for."""

import functools
import os
from pathlib import Path

from fastbp import checks

# Two threads pay from about this many floating-point operations a step and thread: below it the
# barriers and the cache lines that wander between cores cost more than the second core brings.
WORK_PER_THREAD = 250_000_000
MOST_THREADS = 256


def usable_cores() -> int:
    """Return how many cores the process may use, by affinity and by control group."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(cores, control_group_cores()))


@functools.cache
def control_group_cores() -> int:
    """Return the control group's share of processor time in whole cores, rounded up; read once."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return MOST_THREADS if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return MOST_THREADS


def threads_for(threads: int | None, work: float) -> int:
    """Return the number of threads for a step of so much work, in floating-point operations.

    Parameters
    ----------
    threads : int or None
        As asked; None takes as many as the work pays for, at most FASTBP_NUM_THREADS or else the
        usable cores.

    Raises
    ------
    TypeError, ValueError
        `threads` or FASTBP_NUM_THREADS is not an integer from 1 to MOST_THREADS.
    """
    if threads is not None:
        return min(checks.integer("threads", threads, 1), MOST_THREADS)
    asked = os.environ.get("FASTBP_NUM_THREADS")
    if not asked:
        most = usable_cores()
    elif asked.isdecimal() and int(asked) >= 1:
        most = min(int(asked), MOST_THREADS)
    else:
        raise ValueError(f"FASTBP_NUM_THREADS must be an integer of at least 1, got {asked!r}")
    return max(1, int(min(most, work / WORK_PER_THREAD)))
