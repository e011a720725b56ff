"""How many threads a call uses: no more than the process may have, nor than the work pays for.

What pays is counted in floating-point operations, of which a core does some 150e9 a second. Where
Python functions of the user's are called, one at a time, nothing pays. Fits in several Python
threads share the cores out among themselves.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastbp import checks, claims, names
from fastbp._compiled import engine
from fastbp.spec import Spec

if TYPE_CHECKING:
    from fastbp._engine import Engine
    from fastbp._team import Team

# What a thread must have to do in a step, for the barriers ...
STEP_WORK = 2_500_000
# ... and for each number that goes from core to core: a W after its update, an a or delta.
ELEMENT_WORK = 100
# What a thread must have to do in a whole call: starting and ending it takes about 0.1 ms.
CALL_WORK = 20_000_000
# From so many weights a layer on, threads own columns of a layer and not rows of the batch, unless
# their shares are narrower than a panel of columns.
COLUMN_WEIGHTS = 130_000
NARROWEST_SHARE = 48
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


def most_threads(threads: int | None = None) -> int:
    """Return the most threads that a call may use: never more than the usable cores.

    Parameters
    ----------
    threads : int or None
        As asked; None: FASTBP_NUM_THREADS, or else OMP_NUM_THREADS, or else all usable cores.

    Raises
    ------
    TypeError, ValueError
        `threads` or FASTBP_NUM_THREADS is not an integer of at least 1.
    """
    if threads is not None:
        most = checks.integer("threads", threads, 1)
    elif asked := os.environ.get("FASTBP_NUM_THREADS"):
        if not asked.isdecimal() or int(asked) < 1:
            raise ValueError(f"FASTBP_NUM_THREADS must be an integer of at least 1, got {asked!r}")
        most = int(asked)
    else:
        # What joblib, batch systems and users set for every numerical library; of its list, one
        # number a nesting level, the first counts. It is not ours to complain about.
        asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
        most = int(asked) if asked.isdecimal() and int(asked) >= 1 else MOST_THREADS
    return min(most, usable_cores(), MOST_THREADS)


def share(most: int) -> int:
    """Return how many of so many threads a call may use, with the fits of other Python threads."""
    return max(1, min(most, usable_cores() // claims.fits_at_work()))


def split_columns(spec: Spec, threads: int) -> bool:
    """Return whether threads own columns of a layer, not rows: for wide layers, of elements."""
    mean = spec.n_weights / len(spec.layers)
    if mean < max(COLUMN_WEIGHTS, (NARROWEST_SHARE * threads) ** 2):
        return False
    hidden = {names.plain(layer.activation) for layer in spec.layers[:-1]}
    by_rows = any(layer.norm == "layer" for layer in spec.layers)
    return not hidden & engine.COUPLING_ROWS and not by_rows


def pass_threads(threads: int | None, spec: Spec, rows: int) -> int:
    """Return the number of threads for predictions or losses of so many rows."""
    work = 2 * rows * spec.n_weights
    if threads is None and work < 2 * CALL_WORK:
        return 1
    most = share(most_threads(threads))
    return 1 if spec.calls_python else max(1, int(min(most, work / CALL_WORK)))


def fit_threads(threads: int | None, spec: Spec, batch_size: int, steps: float) -> int:
    """Return the number of threads for so many steps on batches of so many rows."""
    weights = spec.n_weights
    work = 6 * batch_size * weights
    # Threads that own columns need half of each W from other cores, not all of it.
    moved = weights / (2 if split_columns(spec, 2) else 1)
    moved += 2 * batch_size * sum(spec.sizes[1:])
    paid = min(work / (STEP_WORK + ELEMENT_WORK * moved), work * steps / CALL_WORK)
    most = share(most_threads(threads))
    return 1 if spec.calls_python else max(1, int(min(most, paid)))


class Crew:
    """The team of a fit, which rests while other Python threads' fits want its cores.

    Parameters
    ----------
    bound : Engine
        What works with it.
    team : Team or None
        None: the fit works alone.
    columns : bool
        Whether its threads own columns of a layer.
    """

    def __init__(self, bound: Engine, team: Team | None = None, columns: bool = False) -> None:
        self.bound = bound
        self.team = team
        self.columns = columns
        bound.use_team(team, columns)

    def keep_to_share(self) -> None:
        """Let the engine go on alone, or with its team, by what the fit's share is now."""
        team = self.team
        if team is None:
            return
        if share(team.threads) < team.threads:
            self.bound.use_team(None)
        elif self.bound.team is None:
            self.bound.use_team(team, self.columns)
