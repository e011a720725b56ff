"""Replacing a file all or nothing, by a process that may be killed and on a disk that may fail.

Beside the destination there are, while it is replaced,

    .NAME.OWNER-RANDOM.tmp        the claim: empty, and locked as long as its writer lives
    .NAME.OWNER-RANDOM.tmp-new    the new content
    .NAME.OWNER-RANDOM.tmp-old    one more link to the old file, the way back

A writer that is killed leaves them there, and the next one of the same name removes them. It takes
a writer for dead if it can lock its claim. Locks are shared by those who run on one kernel, so
OWNER is that kernel, or 0 where the file system (some NFS) or the system (Windows) has no locks.
Claims of other owners are dead a day after they were made, by the file system's own clock.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

if sys.platform != "win32":
    import fcntl

NEW, OLD = "-new", "-old"
# The owner of a claim that could not be locked.
UNLOCKED = "0" * 8
DEAD_SECONDS = 24 * 3600
# Some systems take at most 2 GiB - 1 in one call, and fail above.
WRITE_BYTES = 1 << 30
# A name within the limit of 255 bytes shall not leave it by what is put around it.
LONGEST_NAME = 100
ATTEMPTS = 20
# Folders cannot be forced to the disk everywhere.
NO_SYNC = (errno.EINVAL, errno.ENOTSUP)


def replace_file(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Make a file of pieces, or replace the one that is there; all or nothing, and on the disk.

    Parameters
    ----------
    path : Path
        Destination. Of a symbolic link the target is replaced, and the link stays.
    pieces : iterable of bytes or contiguous memoryview
        The new content, written one after the other; what it raises ends the save.

    Raises
    ------
    OSError
        With the destination's name and the errno of what failed; the old file is whole, or there is
        none as before.

    Notes
    -----
    The new file has the permissions of the old one, and its owner and group where that is allowed;
    without an old one the umask decides. What counts is the right to write to the folder: a file
    that is only protected itself is replaced. Other hard links keep the old content.

    On a file system without hard links there is one failure that leaves the new file in place: that
    the folder, after the rename, cannot be forced to the disk.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "file")
    >>> replace_file(path, [b"one ", memoryview(b"two")])
    >>> path.read_bytes()
    b'one two'
    """
    try:
        target = os.path.realpath(path)
        old = _replaceable(target)
        claim, descriptor = _claim(target)
        try:
            new = _write_new(claim + NEW, old, pieces)
            _put_in_place(target, claim, old, new)
        finally:
            try:  # noqa: SIM105 (suppress would take memory itself)
                _let_go(claim, descriptor)
            except MemoryError:
                pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, f"cannot save: {reason}", str(path)) from error


def _replaceable(target: str) -> os.stat_result | None:
    """Return what is at the destination, or None; refuse what is no file."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(target)):
            raise FileNotFoundError(errno.ENOENT, "the folder does not exist") from None
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "path must be a file, got a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "path must be a file, got a FIFO, a socket or a device")
    return found


def _write_new(
    path: str, old: os.stat_result | None, pieces: Iterable[bytes | memoryview]
) -> os.stat_result:
    """Write the new content to a file of its own and force it to the disk."""
    mode = 0o666 if old is None else stat.S_IMODE(old.st_mode) & 0o777
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, mode)
    try:
        if old is not None:
            _take_after(descriptor, old)
        for piece in pieces:
            _write_all(descriptor, memoryview(piece))
        os.fsync(descriptor)
        written = os.fstat(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)
    return written


def _take_after(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the permissions of the old one, and its owner and group if we may."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
        for user, group in ((-1, old.st_gid), (old.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, user, group)
    # File systems without permissions refuse the call, and show the same ones for every file.
    if stat.S_IMODE(made.st_mode) != stat.S_IMODE(old.st_mode):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _write_all(descriptor: int, piece: memoryview) -> None:
    """Write a piece in as many calls as it takes."""
    if piece.nbytes == 0:
        return
    rest = piece.cast("B")
    while rest:
        written = os.write(descriptor, rest[:WRITE_BYTES])
        if written == 0:
            raise OSError(errno.EIO, "a write of 0 bytes")
        rest = rest[written:]


def _put_in_place(target: str, claim: str, old: os.stat_result | None, new: os.stat_result) -> None:
    """Rename the new file to its destination; bring the old one back if that is not for good."""
    with contextlib.suppress(OSError):
        if old is not None:
            os.link(target, claim + OLD)
    try:
        os.replace(claim + NEW, target)
        _sync_folder(os.path.dirname(target))
    except BaseException:
        with contextlib.suppress(OSError):
            # Unless it never came there, or another save has replaced it since.
            if os.path.samestat(os.stat(target), new):
                if old is None:
                    os.unlink(target)
                else:
                    os.replace(claim + OLD, target)
        raise


def _sync_folder(folder: str) -> None:
    """Force a folder's names to the disk, where the system can."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        # A folder that may be written to and not be read.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _claim(target: str) -> tuple[str, int]:
    """Return a new claim to a destination and its descriptor; remove those of dead writers."""
    folder, name = os.path.split(target)
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = f"{zlib.crc32(os.fsencode(name)):08x}"
    prefix = f".{name}."
    claim, descriptor = _new_claim(os.path.join(folder, prefix))
    try:
        with contextlib.suppress(OSError):
            _remove_dead(folder, prefix, claim, os.fstat(descriptor).st_mtime)
    except BaseException:
        _let_go(claim, descriptor)
        raise
    return claim, descriptor


def _let_go(claim: str, descriptor: int) -> None:
    """Remove a claim of one's own and what it stands for.

    What cannot be done is left to the next save: the file that matters is in its place by now, or
    an error is on its way.
    """
    try:
        removed = _remove_parts(claim)
    except MemoryError:
        removed = False
    try:  # noqa: SIM105 (suppress would take memory itself)
        os.close(descriptor)
    except OSError:
        pass
    if removed:
        with contextlib.suppress(OSError):
            os.unlink(claim)


def _new_claim(start: str) -> tuple[str, int]:
    """Return the path of a new claim and its descriptor, which holds the lock."""
    owner = _owner()
    for _ in range(ATTEMPTS):
        claim = f"{start}{owner}-{os.urandom(8).hex()}.tmp"
        descriptor = os.open(claim, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            locked = _locked(descriptor)
            # Before it was locked, another writer may have taken it for dead.
            if owner == UNLOCKED or (locked and _is_at(claim, descriptor)):
                return claim, descriptor
        except BaseException:
            _let_go(claim, descriptor)
            raise
        _let_go(claim, descriptor)
        if locked is None:
            owner = UNLOCKED
    raise OSError(errno.EAGAIN, "its temporary files are removed as soon as they are made")


def _is_at(path: str, descriptor: int) -> bool:
    """Return whether an open file still has its name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


@functools.cache
def _owner() -> str:
    """Return what stands in a claim's name for the kernel whose locks hold it."""
    if sys.platform == "win32":
        return UNLOCKED
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        kernel = os.uname().nodename.encode()
    return f"{zlib.crc32(kernel):08x}"


def _locked(descriptor: int) -> bool | None:
    """Lock a claim unless another process or thread has; None where there are no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_dead(folder: str, prefix: str, own: str, now: float) -> None:
    """Remove what dead writers of one destination have left."""
    pattern = re.compile(re.escape(prefix) + r"([0-9a-f]{8})-[0-9a-f]{16}\.tmp")
    for name in os.listdir(folder):
        match = pattern.fullmatch(name)
        claim = os.path.join(folder, name)
        if match and claim != own:
            with contextlib.suppress(OSError):
                if match[1] != _owner() or match[1] == UNLOCKED:
                    _remove_aged(claim, now)
                else:
                    _remove_unlocked(claim)


def _remove_aged(claim: str, now: float) -> None:
    """Remove a claim that no lock can tell of, once it is too old to be alive."""
    if now - os.stat(claim).st_mtime > DEAD_SECONDS and _remove_parts(claim):
        os.unlink(claim)


def _remove_unlocked(claim: str) -> None:
    """Remove a claim unless its writer lives."""
    descriptor = os.open(claim, os.O_RDWR)
    try:
        if _locked(descriptor) and _remove_parts(claim):
            os.unlink(claim)
    finally:
        os.close(descriptor)


def _remove_parts(claim: str) -> bool:
    """Remove what a claim stands for; return whether all is gone, for else the claim must stay."""
    gone = True
    for part in (NEW, OLD):
        path = claim + part
        # Not by an exception, which needs more memory than there may be.
        if os.access(path, os.F_OK):
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone
