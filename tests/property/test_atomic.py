"""What replacing a file keeps, refuses and cleans up; failures and kills are among the promises."""

import ast
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from seam import CALLS, HARMLESS, Seam, calls_of, leave_dead_writer

import fastbp as fb
from fastbp import atomic
from fastbp.atomic import replace_file

BYTES = [b"one ", memoryview(b"two"), b"", bytearray(range(256))]
WHOLE = b"one two" + bytes(range(256))


def listing(folder):
    return sorted(os.listdir(folder))


def refused(path, error, message):
    """Require the error with the destination's name, and that nothing was made."""
    before = listing(path.parent) if path.parent.is_dir() else None
    with pytest.raises(error, match=message) as caught:
        replace_file(path, BYTES)
    assert caught.value.filename == str(path)
    assert before is None or listing(path.parent) == before


def test_pieces_make_a_file_and_replace_one(tmp_path):
    path = tmp_path / "model"
    for content in (BYTES, [], BYTES):
        replace_file(path, iter(content))
        assert path.read_bytes() == b"".join(content)
        assert listing(tmp_path) == ["model"]


@pytest.mark.parametrize("shape", [(4, 3), (0, 3), ()])
def test_a_piece_may_be_of_any_type_and_shape(tmp_path, shape):
    import numpy as np

    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    replace_file(tmp_path / "model", [array.data])
    assert (tmp_path / "model").read_bytes() == array.tobytes()


def test_large_pieces_are_written_in_several_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "WRITE_BYTES", 100)
    path = tmp_path / "model"
    names = calls_of(lambda: replace_file(path, BYTES), monkeypatch)
    assert names.count("write new") == 2 + 3
    assert path.read_bytes() == WHOLE


def test_a_failing_piece_ends_the_save_with_its_own_error(tmp_path):
    def pieces():
        yield b"new"
        raise ZeroDivisionError("in a piece")

    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError, match="in a piece"):
        replace_file(path, pieces())
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["model"]


@pytest.mark.parametrize("dangling", [False, True])
def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path, dangling):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if not dangling:
        (folder / "real").write_bytes(b"old")
    (tmp_path / "middle").symlink_to(Path("elsewhere", "real"))
    (tmp_path / "link").symlink_to("middle")
    replace_file(tmp_path / "link", BYTES)
    assert (folder / "real").read_bytes() == WHOLE
    assert not (folder / "real").is_symlink()
    assert (tmp_path / "link").readlink() == Path("middle")
    assert (tmp_path / "middle").is_symlink()
    assert listing(folder) == ["real"]
    assert listing(tmp_path) == ["elsewhere", "link", "middle"]


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    refused(tmp_path / "one", OSError, "cannot save: Too many levels of symbolic links")


def test_other_hard_links_keep_the_old_content(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    (tmp_path / "other").hardlink_to(path)
    replace_file(path, BYTES)
    assert (tmp_path / "other").read_bytes() == b"old"
    assert listing(tmp_path) == ["model", "other"]


@pytest.fixture
def umask():
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_a_new_file_honours_the_umask(tmp_path, umask, mask):
    umask(mask)
    replace_file(tmp_path / "model", BYTES)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o777, 0o444, 0o2755])
def test_a_replaced_file_keeps_its_permissions(tmp_path, umask, mode):
    umask(0o027)
    path = tmp_path / "model"
    path.write_bytes(b"old")
    path.chmod(mode)
    wanted = path.stat().st_mode
    replace_file(path, BYTES)
    assert path.stat().st_mode == wanted
    assert path.read_bytes() == WHOLE


def test_the_new_content_is_never_readable_by_more_people_than_the_old(
    tmp_path, umask, monkeypatch
):
    umask(0)
    path = tmp_path / "model"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes = {}

    def act(name, do, arguments):
        result = do()
        modes.update({p: p.stat().st_mode for p in tmp_path.glob(".model*" + atomic.NEW)})
        assert all(stat.S_IMODE(mode) == 0o600 for mode in modes.values()), name
        return result

    Seam(act).install(monkeypatch.setattr)
    replace_file(path, BYTES)
    assert len(modes) == 1


def test_the_way_back_does_not_undo_the_save_of_another(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(b"old")

    def act(name, do, arguments):
        if name == "fsync folder":
            monkeypatch.undo()
            replace_file(path, [b"other"])
            raise OSError(5, "Input/output error")
        return do()

    Seam(act).install(monkeypatch.setattr)
    with pytest.raises(OSError, match="cannot save: Input/output error"):
        replace_file(path, BYTES)
    assert path.read_bytes() == b"other"
    assert listing(tmp_path) == ["model"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner_where_that_is_allowed(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    path.chmod(0o2750)
    os.chown(path, 12345, 23456)
    path.chmod(0o2750)
    replace_file(path, BYTES)
    found = path.stat()
    assert (found.st_uid, found.st_gid) == (12345, 23456)
    assert stat.S_IMODE(found.st_mode) == 0o2750


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    refused(
        tmp_path / "folder", IsADirectoryError, "cannot save: path must be a file, got a folder"
    )
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", OSError, "cannot save: path must be a file, got a FIFO")
    (tmp_path / "link").symlink_to("/dev/full")
    refused(tmp_path / "link", OSError, "cannot save: path must be a file, got a FIFO, a socket or")


def test_a_place_that_is_not_there_is_refused(tmp_path):
    missing = tmp_path / "missing" / "model"
    refused(missing, FileNotFoundError, "cannot save: the folder does not exist: .*missing/model'")
    (tmp_path / "file").write_bytes(b"")
    refused(tmp_path / "file" / "model", NotADirectoryError, "cannot save: Not a directory")
    refused(tmp_path / ("n" * 256), OSError, "cannot save: File name too long")
    assert listing(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "model [1]*.npz", "-", ".hidden"])
def test_any_name_that_a_file_can_have_is_taken(tmp_path, name):
    path = tmp_path / name
    leave_dead_writer(tmp_path / "other")
    replace_file(path, BYTES)
    replace_file(path, BYTES)
    assert path.read_bytes() == WHOLE
    assert len(listing(tmp_path)) == 1 + 3


def test_what_a_dead_writer_left_is_removed(tmp_path):
    path = tmp_path / "model"
    leave_dead_writer(path)
    others = leave_dead_writer(tmp_path / "model.npz")
    mine = tmp_path / ".model.tmp"
    mine.write_bytes(b"the user's own")
    replace_file(path, BYTES)
    assert listing(tmp_path) == sorted([mine.name, "model", *(other.name for other in others)])


@pytest.mark.parametrize("owner", ["0" * 8, "0123abcd"])
def test_where_no_lock_can_tell_what_is_left_is_removed_after_a_day(tmp_path, owner):
    path = tmp_path / "model"
    left = leave_dead_writer(path, owner)
    now = time.time()
    for hours, stays in ((23, True), (25, False)):
        os.utime(left[0], (now, now - hours * 3600))
        replace_file(path, BYTES)
        assert listing(tmp_path) == sorted(["model", *(p.name for p in left if stays)])


def test_without_locks_a_claim_says_so_and_the_save_goes_on(tmp_path, monkeypatch):
    def act(name, do, arguments):
        if name.startswith("flock"):
            raise OSError(37, "No locks available")
        return do()

    Seam(act).install(monkeypatch.setattr)
    seen = []

    def pieces():
        seen.extend(listing(tmp_path))
        yield b"new"

    replace_file(tmp_path / "model", pieces())
    assert len(seen) == 2
    assert all(name.startswith(".model.00000000-") for name in seen)
    assert listing(tmp_path) == ["model"]


def test_a_claim_taken_for_dead_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    path = tmp_path / "model"
    between = []

    def act(name, do, arguments):
        result = do()
        if name == "open claim" and len(between) < 3:
            between.append(result)
            # Another writer comes between the making of the claim and its lock.
            monkeypatch.undo()
            replace_file(path, [b"other"])
            assert listing(tmp_path) == ["model"]
            seam.install(monkeypatch.setattr)
        return result

    seam = Seam(act)
    seam.install(monkeypatch.setattr)
    replace_file(path, BYTES)
    assert len(between) == 3
    assert path.read_bytes() == WHOLE
    assert listing(tmp_path) == ["model"]


def test_a_save_that_waits_keeps_its_files_from_other_threads(tmp_path):
    path = tmp_path / "model"
    inside, leave = threading.Event(), threading.Event()

    def pieces():
        yield b"slow"
        inside.set()
        assert leave.wait(60)

    slow = threading.Thread(target=replace_file, args=(path, pieces()))
    slow.start()
    assert inside.wait(60)
    for _ in range(3):
        replace_file(path, BYTES)
        assert path.read_bytes() == WHOLE
        assert len(listing(tmp_path)) == 3
    leave.set()
    slow.join()
    assert path.read_bytes() == b"slow"
    assert listing(tmp_path) == ["model"]


WRITER = """
import sys, threading
from pathlib import Path
from fastbp.atomic import replace_file
path, me, saves, threads = Path(sys.argv[1]), *map(int, sys.argv[2:])
def write(thread):
    for save in range(saves):
        replace_file(path, [bytes([me, thread, save])] * (500 * (1 + me)))
tasks = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
errors = []
threading.excepthook = lambda found: errors.append(found)
[task.start() for task in tasks]
[task.join() for task in tasks]
sys.exit(f"{len(errors)} saves failed: {errors[0].exc_value}" if errors else 0)
"""


def test_processes_and_threads_save_to_one_name_at_the_same_time(tmp_path):
    path = tmp_path / "model"
    saves, threads = 12, 3
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(me), str(saves), str(threads)],
            cwd="/",
            stderr=subprocess.PIPE,
            text=True,
        )
        for me in range(3)
    ]
    looked = 0
    while any(writer.poll() is None for writer in writers):
        time.sleep(0.002)
        if path.exists():
            found = path.read_bytes()
            assert found == found[:3] * (500 * (1 + found[0]))
            looked += 1
    for writer in writers:
        assert (writer.communicate()[1], writer.returncode) == ("", 0)
    assert looked > 5
    assert listing(tmp_path) == ["model"]


def test_the_seam_of_these_tests_knows_every_call():
    used = {
        node.attr
        for node in ast.walk(ast.parse(Path(atomic.__file__).read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("os", "fcntl")
        and not node.attr.isupper()
    }
    assert used - HARMLESS == CALLS
    assert "open" not in {
        node.func.id
        for node in ast.walk(ast.parse(Path(atomic.__file__).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_save_replaces_the_target_of_a_link(tmp_path):
    (tmp_path / "link.npz").symlink_to("model.npz")
    fb.mlp([2, 1]).save(tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert fb.load(tmp_path / "model.npz").sizes == [2, 1]
