"""Save to real file systems that are full or read-only; print a verdict each, as JSON.

    unshare -m python full_disks.py FOLDER

What it mounts is gone when it ends.
"""

import contextlib
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import fastbp as fb
from fastbp.atomic import replace_file

# Of a page, the smallest piece of a tmpfs.
PAGE = 4096


def mount(folder, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)


def fill(path, spare=0):
    """Write until the file system is full; give so many bytes back."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, bytes(PAGE))
    os.ftruncate(descriptor, os.fstat(descriptor).st_size - spare)
    os.close(descriptor)


def verdict(path, code, save):
    """Save, which must fail with the code; return "whole" or what is not as it was."""
    before, names = path.read_bytes(), sorted(os.listdir(path.parent))
    try:
        save(path)
    except OSError as error:
        if (error.errno, error.filename) != (code, str(path)):
            return repr(error)
    else:
        return "no error"
    if path.read_bytes() != before or fb.load(path).sizes != [2, 3, 1]:
        return "the old file is not whole"
    if sorted(os.listdir(path.parent)) != names:
        return f"left {sorted(os.listdir(path.parent))}"
    return "whole"


def main(folder):
    """Go through the file systems."""
    small, large = fb.mlp([2, 3, 1]), fb.mlp([64, 64, 1])
    path, filler = Path(folder, "model.fastbp"), Path(folder, "filler")
    found = {}

    mount(folder, "size=256k")
    small.save(path)
    fill(filler)
    found["full tmpfs"] = verdict(path, errno.ENOSPC, large.save)
    fill(filler, spare=2 * PAGE)
    found["full within the file"] = verdict(path, errno.ENOSPC, large.save)
    filler.unlink()
    large.save(path)
    assert fb.load(path).sizes == large.sizes

    # The root folder, its old file, the claim: no inode is left for the new file.
    mount(folder, "nr_inodes=4")
    small.save(path)
    filler.touch()
    found["no inode left"] = verdict(path, errno.ENOSPC, large.save)

    mount(folder, "size=256k")
    small.save(path)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    found["read-only tmpfs"] = verdict(path, errno.EROFS, large.save)

    mount(folder, "size=256k")
    small.save(path)
    filler.touch()

    def pieces():
        yield bytes(PAGE)
        fill(filler)
        yield bytes(PAGE)

    found["filled up between two writes"] = verdict(
        path, errno.ENOSPC, lambda path: replace_file(path, pieces())
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
