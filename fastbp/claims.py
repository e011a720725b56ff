"""Who trains a network, or uses an optimizer: one call at a time.

Passes that change nothing share a network; of two calls that train it, the second is refused before
it changes anything. Taking and giving back each are one operation of a dictionary, and who holds
what is kept by process: so a fork in the middle of another thread's fit finds nothing taken in the
child, and no lock that nobody will release.
"""

from __future__ import annotations

import os
import threading
from typing import ClassVar

VERBS = {"network": "trained", "optimizer": "used", "schedule": "used"}
# What no callback may call on what is being trained.
FITS = ("fit", "fit_stream", "partial_fit")

# A call and its thread.
Holder = tuple[str, int]


class Claim(dict[int, Holder]):
    """Who holds one object, by generation of processes; a copy of the object is held by nobody."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[Claim], tuple[()]]:
        return Claim, ()


class Process:
    """How many forks lie between the first process and this one, and its threads in a fit."""

    generation = 0
    fitting: ClassVar[set[int]] = set()


def forked() -> None:
    """Take note that this is a child, in which no other thread is."""
    Process.generation += 1
    Process.fitting = set()


def fits_at_work() -> int:
    """Return how many threads are in a fit, this one counted as one in any case."""
    return len(Process.fitting | {threading.get_ident()})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forked)


def claim_of(thing: object) -> Claim:
    """Return the claim of an object, made when it is first asked for."""
    claim: Claim | None = thing.__dict__.get("_claim")
    if claim is None:
        claim = thing.__dict__.setdefault("_claim", Claim())
    return claim


def refuse(what: str, thing: object, call: str) -> None:
    """Refuse a call on an object that another one holds, but where it comes from that one.

    Raises
    ------
    RuntimeError
        As `judge` does.
    """
    holder = claim_of(thing).get(Process.generation)
    if holder is not None:
        judge(what, holder, call)


def judge(what: str, holder: Holder, call: str) -> None:
    """Return if a call may change what is held already.

    Raises
    ------
    RuntimeError
        Another thread holds it, or `call` is not one of those that a callback may make.
    """
    holding, thread = holder
    if thread != threading.get_ident():
        raise RuntimeError(
            f"this {what} is being {VERBS[what]} by another call ({holding} in another thread); "
            f"{call} changed nothing: wait for its end, or give each thread one of its own"
        )
    if call in FITS or holding not in FITS:
        raise RuntimeError(
            f"this {what} is being {VERBS[what]} by another call ({holding}, from which this one "
            f"comes); {call} changed nothing: a callback may take single steps, set params or "
            "train another network"
        )


class Hold:
    """Holds objects for one call, in a `with` statement; a callback's call holds what its fit does.

    A fit is counted as at work for as long.

    Raises
    ------
    RuntimeError
        One of them is held by another call.
    """

    __slots__ = ("call", "counted", "taken", "things")

    def __init__(self, call: str, **things: object) -> None:
        self.call = call
        self.things = things
        self.taken: list[Claim] = []
        self.counted = False

    def __enter__(self) -> None:
        mine = (self.call, threading.get_ident())
        for what, thing in self.things.items():
            claim = claim_of(thing)
            holder = claim.setdefault(Process.generation, mine)
            if holder is mine:
                self.taken.append(claim)
                continue
            try:
                judge(what, holder, self.call)
            except RuntimeError:
                self.__exit__()
                raise
        if self.call in FITS and mine[1] not in Process.fitting:
            Process.fitting.add(mine[1])
            self.counted = True

    def __exit__(self, *error: object) -> None:
        if self.counted:
            Process.fitting.discard(threading.get_ident())
        for claim in self.taken:
            claim.pop(Process.generation, None)
