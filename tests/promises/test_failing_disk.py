"""Whatever call of a save fails, the old file is whole, nothing stays behind and it is an OSError.

Every call that a save makes of the system is made to fail in every way: undone or done all the
same, once, from then on, or with all that comes after it. Then real disks fail: full, read-only,
without inodes, beyond a limit, without permission.
"""

import contextlib
import errno
import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from seam import DEAD_RANDOM, Seam, calls_of, folder_in_memory, leave_dead_writer

import fastbp as fb
from fastbp import atomic
from fastbp.atomic import replace_file

OLD, NEW = b"the old file", b"the new content of the file"
PIECES = [NEW[:9], b"", memoryview(NEW)[9:]]

ERRORS = [
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EINTR, errno.EACCES),
    *(errno.EPERM, errno.EROFS, errno.ENOENT, errno.ESTALE, errno.ENOMEM),
]
# undone: it fails, once. done: it is done, but reported as failed, once. for ever: it and the calls
# of its kind after it fail. dead disk: it and whatever call comes after it fail.
MODES = ["undone", "done", "for ever", "dead disk"]

# What a save can do without, and goes on: looking for what dead writers left, removing what is not
# needed any more, the lock, the way back, and what the file system says is not allowed for folders.
SPARED = {
    *("fstat claim", "listdir folder", "flock claim", "link target", "close claim"),
    *("unlink new", "unlink old", "unlink claim"),
    *("open dead claim", "flock dead claim", "close dead claim"),
    *("unlink dead new", "unlink dead old", "unlink dead claim"),
    # Another claim is made when it is not known whether this one is still there.
    "stat claim",
}
SPARED_ERRORS = {("open folder", errno.EACCES), ("open folder", errno.EPERM)}


class Faulty:
    """Lets the call number `place` fail, counted while it is armed; `struck` is its name."""

    def __init__(self, place, code, mode, armed=True):
        self.place, self.code, self.mode, self.armed = place, code, mode, armed
        self.count, self.struck = 0, None

    def __call__(self, name, do, arguments):
        if not (self.armed and self._fails(name)):
            # Nothing is on a disk here that must outlast a power cut.
            return None if name.startswith("fsync") else do()
        if name.startswith("close") or self.mode == "done":
            # A descriptor is gone after close, whatever close says.
            with contextlib.suppress(OSError):
                result = do()
                if name.startswith("open"):
                    os.close(result)
        raise OSError(self.code, os.strerror(self.code))

    def _fails(self, name):
        here = self.count == self.place
        self.count += 1
        if here:
            self.struck = name
        later = self.struck is not None
        alike = later and name.split()[0] == self.struck.split()[0]
        return {"for ever": alike, "dead disk": later}.get(self.mode, here)


SOUND = Faulty(-1, 0, "undone")


@pytest.fixture
def folder(tmp_path):
    with folder_in_memory(tmp_path) as made:
        yield made


def state(path):
    """Return what is at a destination: content and permissions, or None."""
    if not path.exists():
        return None
    return path.read_bytes(), stat.S_IMODE(path.stat().st_mode)


def strays(path):
    return sorted(p.name for p in path.parent.iterdir() if p != path)


def scene(folder, which):
    """Make a folder for one save; return the destination and its states before and after."""
    path = folder / "model"
    for stray in folder.iterdir():
        stray.unlink()
    before, mode = None, 0o644
    if which == "replaced":
        path.write_bytes(OLD)
        mode = 0o660
        path.chmod(mode)
        leave_dead_writer(path)
        before = (OLD, mode)
    return path, before, (NEW, mode)


def attempt(path, fault, monkeypatch):
    """Save with a fault; return the error or None."""
    with monkeypatch.context() as patch:
        Seam(fault).install(patch.setattr)
        try:
            replace_file(path, PIECES)
        except OSError as error:
            return error
    return None


def judge(path, before, after, fault, error, monkeypatch):
    """Return what is wrong after a save with a fault, or ""; save once more."""
    found, wrong, name = state(path), [], fault.struck
    if error is None:
        if name not in SPARED and (name, fault.code) not in SPARED_ERRORS:
            wrong.append("no error")
        if found != after:
            wrong.append(f"no error, and {found}")
    else:
        # A claim that is tried over and over is given up for a reason of its own.
        codes = {fault.code, errno.EAGAIN} if "stat" in name else {fault.code}
        if error.errno not in codes or error.filename != str(path):
            wrong.append(f"error {error!r}")
        # Where the way back fails too, the new file is there, and whole.
        if found != before and not (fault.mode == "dead disk" and found == after):
            wrong.append(f"error, and {found}")
    own = [stray for stray in strays(path) if DEAD_RANDOM not in stray]
    removal_fails = fault.mode == "dead disk" or name.startswith("unlink")
    # Made, and reported as not made: without a descriptor it is not one's own for certain.
    removal_fails |= (name, fault.mode) == ("open claim", "done")
    if own and not removal_fails:
        wrong.append(f"left {own}")
    again = attempt(path, SOUND, monkeypatch)
    if again or path.read_bytes() != NEW or strays(path):
        wrong.append(f"after the next save {again!r} and {strays(path)}")
    return ", ".join(wrong)


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("which", ["replaced", "new"])
def test_every_call_fails_in_every_way(folder, monkeypatch, umask, promise, which):
    path, _, _ = scene(folder, which)
    names = calls_of(lambda: replace_file(path, PIECES), monkeypatch)
    # In this order the file outlasts a power cut, and none of these may fail unnoticed.
    needed = ["open claim", "open new", "write new", "write new", "fsync new", "close new"]
    needed += ["replace new", "open folder", "fsync folder", "close folder"]
    assert [name for name in names if name in needed] == needed
    assert not SPARED & set(needed)
    wrong, ends = [], Counter()
    for place in range(len(names)):
        for code in ERRORS:
            for mode in MODES:
                if code == errno.ENOENT and names[place].startswith(("unlink", "stat target")):
                    # That there is no such file is an answer, and no failure.
                    continue
                path, before, after = scene(folder, which)
                fault = Faulty(place, code, mode)
                error = attempt(path, fault, monkeypatch)
                assert fault.struck == names[place]
                found = state(path)
                verdict = judge(path, before, after, fault, error, monkeypatch)
                kept = error is not None and found == before
                ends["kept" if kept else "spared" if error is None else "dead"] += 1
                if verdict:
                    wrong.append(f"{names[place]}, {errno.errorcode[code]}, {mode}: {verdict}")
    total = ends.total()
    promise(
        2,
        f"planted failures of a save ({which} file): call, error and manner",
        "old file whole, no temporary left, OSError: all",
        f"{total - len(wrong)} of {total} ({len(names)} calls, {len(ERRORS)} errors, "
        f"{len(MODES)} manners; {ends['kept']} OSError and the file as before, {ends['spared']} of "
        f"steps that can be spared, {ends['dead']} OSError on a disk that died after the rename, "
        "with the new file whole)",
    )
    assert not wrong, "\n".join(wrong)


def shortened(every, length):
    """Return what lets writes take fewer bytes than they are given."""
    count = 0

    def act(name, do, arguments):
        nonlocal count
        if name != "write new":
            return do()
        count += 1
        if every or count == 1:
            descriptor, rest = arguments
            return os.write(descriptor, rest[: length(len(rest))])
        return do()

    return act


SHORT = {
    "half": lambda n: -(-n // 2),
    "one byte": lambda n: 1,
    "all but one": lambda n: max(1, n - 1),
}


def test_short_writes_are_gone_on_with_and_writes_of_nothing_end_a_save(
    folder, monkeypatch, promise
):
    good = bad = 0
    for every in (False, True):
        for length in SHORT.values():
            path, _, (content, _) = scene(folder, "replaced")
            assert attempt(path, shortened(every, length), monkeypatch) is None
            good += (path.read_bytes(), strays(path)) == (content, [])
        path, before, _ = scene(folder, "replaced")
        error = attempt(path, shortened(every, lambda n: 0), monkeypatch)
        bad += (error.errno, state(path), strays(path)) == (errno.EIO, before, [])
    promise(
        2,
        "short writes, and writes of 0 bytes",
        "the whole file; the old one and OSError",
        f"{good} of 6; {bad} of 2",
    )
    assert (good, bad) == (6, 2)


ROWS = np.linspace(-1, 1, 24).reshape(12, 2)
STEPS = 4


def network():
    return fb.mlp([2, 3, 1], "tanh", dtype="float64", seed=3)


def fit(net, epochs=3, **more):
    optimizer = fb.Adam(0.02)
    history = net.fit(ROWS, ROWS[:, 0], optimizer, epochs=epochs, batch_size=3, **more)
    return history.loss, optimizer.slots.tobytes(), net.params.tobytes()


class Failing(fb.Checkpoint):
    """A checkpoint after four steps that is sound, and one after eight with a fault."""

    def __init__(self, path, fault):
        super().__init__(path, every=None, every_steps=STEPS)
        self.fault, self.first = fault, None

    def after_steps(self, training):
        self.fault.armed = training.total_steps == 2 * STEPS
        if self.fault.armed:
            self.first = self.path.read_bytes()
        super().after_steps(training)


def fit_with_fault(path, place, mode, monkeypatch):
    """Fit while a call of the second checkpoint fails; return network, callback and error."""
    net, fault = network(), Faulty(place, errno.EIO, mode, armed=False)
    failing = Failing(path, fault)
    with monkeypatch.context() as patch:
        Seam(fault).install(patch.setattr)
        try:
            fit(net, callbacks=failing)
        except OSError as error:
            return net, failing, error
    return net, failing, None


def test_a_failed_checkpoint_ends_the_fit_and_the_one_before_can_be_resumed(
    folder, monkeypatch, promise
):
    whole = fit(network())
    at = {STEPS: network(), 2 * STEPS: network()}
    for step, net in at.items():
        fit(net, callbacks=fb.EverySteps(step, lambda training: True))
    path = folder / "run.fastbp"
    at[STEPS].save(path)
    names = calls_of(lambda: at[STEPS].save(path), monkeypatch)
    good = ended = 0
    for place, name in enumerate(names):
        for mode in MODES:
            for stray in folder.iterdir():
                stray.unlink()
            net, failing, error = fit_with_fault(path, place, mode, monkeypatch)
            if error is None:
                good += name in SPARED and net.params.tobytes() == whole[2]
                continue
            ended += 1
            # On a dead disk the way back may fail too, and the second checkpoint is there.
            first = path.read_bytes() == failing.first
            saved = fb.load(path)
            good += (
                error.filename == str(path)
                and net.params.tobytes() == at[2 * STEPS].params.tobytes()
                and (first or mode == "dead disk")
                and saved.params.tobytes() == at[STEPS if first else 2 * STEPS].params.tobytes()
                and fit(saved, resume=path) == whole
            )
    total = len(names) * len(MODES)
    promise(
        2,
        "planted failures of a checkpoint in a fit: call and manner",
        "raised out of fit at its last step, the checkpoint before resumed bit for bit: all",
        f"{good} of {total} ({ended} ended the fit, {total - ended} could be spared)",
    )
    assert good == total
    assert ended > total / 2


def test_a_file_beyond_the_limit_of_the_process(tmp_path, promise):
    path = tmp_path / "model"
    path.write_bytes(OLD)
    before = state(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="cannot save: File too large") as caught:
            replace_file(path, [bytes(700)] * 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    good = (caught.value.errno, state(path), strays(path)) == (errno.EFBIG, before, [])
    promise(2, "a real EFBIG (RLIMIT_FSIZE)", "old file whole", f"{int(good)} of 1")
    assert good


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_without_permission(promise):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        path.write_bytes(OLD)
        path.chmod(0o666)
        Path(folder).chmod(0o755)
        before = state(path)
        user = os.geteuid()
        os.seteuid(65534)
        try:
            with pytest.raises(PermissionError, match="cannot save: Permission denied") as caught:
                replace_file(path, PIECES)
        finally:
            os.seteuid(user)
        good = (caught.value.filename, state(path), strays(path)) == (str(path), before, [])
    promise(2, "a real EACCES (another user's folder)", "old file whole", f"{int(good)} of 1")
    assert good


def in_a_space_for_mounts():
    """Return the words that start a program where it may mount what is gone at its end, or None."""
    for words in (["unshare", "-m"], ["unshare", "-Urm"]):
        try:
            test = [*words, "mount", "-t", "tmpfs", "none", "/mnt"]
            if subprocess.run(test, capture_output=True, check=False).returncode == 0:
                return words
        except FileNotFoundError:
            return None
    return None


def test_real_disks_that_are_full_or_read_only(tmp_path, promise):
    words = in_a_space_for_mounts()
    if words is None:
        pytest.skip("mounting is not allowed here")
    script = Path(__file__).with_name("full_disks.py")
    done = subprocess.run(
        [*words, sys.executable, script, tmp_path],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    good = sum(verdict == "whole" for verdict in found.values())
    promise(
        2,
        "real file systems: " + ", ".join(found),
        "old file whole, no temporary left, OSError: all",
        f"{good} of {len(found)}",
    )
    assert set(found.values()) == {"whole"}, found
    assert len(found) == 5


def test_a_save_without_a_way_back_is_seen(folder, monkeypatch, umask):
    monkeypatch.setattr(atomic, "OLD", "-new")
    path, before, after = scene(folder, "replaced")
    names = calls_of(lambda: replace_file(path, PIECES), monkeypatch)
    path, before, after = scene(folder, "replaced")
    fault = Faulty(names.index("fsync folder"), errno.EIO, "undone")
    error = attempt(path, fault, monkeypatch)
    assert "error, and" in judge(path, before, after, fault, error, monkeypatch)
