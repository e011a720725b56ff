"""Stands between fastbp.atomic and the system: each call has a name, and may go wrong.

A name says the call and what it is done to: "write new", "replace new", "fsync folder", "flock
claim"; what a dead writer left is "dead claim", "dead new" and "dead old".
"""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

from fastbp import atomic

# Calls that reach the system; what else fastbp.atomic takes from os computes only.
CALLS = {
    *("open", "write", "fsync", "close", "replace", "link", "unlink", "stat", "fstat"),
    *("listdir", "fchmod", "fchown", "flock"),
}
HARMLESS = {"access", "path", "fsencode", "urandom", "uname", "stat_result"}

DEAD_RANDOM = "f" * 16


@contextlib.contextmanager
def folder_in_memory(otherwise):
    """Make a folder where nothing waits for a disk, if there is such a place."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK):
        with tempfile.TemporaryDirectory(dir=shared) as made:
            yield Path(made)
    else:
        yield otherwise


def leave_dead_writer(target, owner=None):
    """Leave beside a file what a writer that was killed leaves; return the paths."""
    claim = f".{target.name}.{owner or atomic._owner()}-{DEAD_RANDOM}.tmp"
    paths = [target.with_name(claim + part) for part in ("", atomic.NEW, atomic.OLD)]
    for path in paths:
        path.write_bytes(b"left")
    return paths


class Seam:
    """Passes calls on to `act(name, do, arguments)`, where `do()` is the call itself."""

    def __init__(self, act):
        self.act = act
        self.roles = {}
        self.os, self.fcntl = self._around(os), self._around(fcntl)

    def _around(self, module):
        names = {name: getattr(module, name) for name in dir(module)}
        wrapped = {name: self._wrapped(name, names[name]) for name in CALLS & set(names)}
        return SimpleNamespace(**{**names, **wrapped})

    def _wrapped(self, name, function):
        def call(*arguments, **more):
            role = self._role(arguments[0])

            def do():
                result = function(*arguments, **more)
                if name == "open":
                    self.roles[result] = role
                return result

            return self.act(f"{name} {role}", do, arguments)

        return call

    def _role(self, thing):
        if isinstance(thing, int):
            return self.roles[thing]
        if os.path.isdir(thing):
            return "folder"
        dead = "dead " if DEAD_RANDOM in thing else ""
        for end, role in ((atomic.NEW, "new"), (atomic.OLD, "old"), (".tmp", "claim")):
            if thing.endswith(end):
                return dead + role
        return "target"

    def install(self, change=setattr):
        """Put the seam in; `change` is monkeypatch.setattr where it shall be taken out again."""
        change(atomic, "os", self.os)
        change(atomic, "fcntl", self.fcntl)


def calls_of(save, monkeypatch):
    """Return the names of the calls of a save in which nothing goes wrong."""
    names = []

    def act(name, do, arguments):
        names.append(name)
        return do()

    with monkeypatch.context() as patch:
        Seam(act).install(patch.setattr)
        save()
    return names
