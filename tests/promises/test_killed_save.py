"""A save that is killed leaves the file before it or its own, and the next one cleans up."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from seam import folder_in_memory

SCRIPT = Path(__file__).with_name("killed_saves.py")
KILLS, SEED = 200, 20
ASKED = "0 unreadable, 0 neither, 0 stale"


def killed(*arguments):
    """Run the script in a process of its own, which forks; return what it found."""
    words = [sys.executable, SCRIPT, *map(str, arguments)]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {"unreadable": 0, **found}


def told(found):
    return (
        f"{found['kills']} kills: {found['unreadable']} unreadable, {found['neither']} neither the "
        f"previous nor the new model, {found['stale']} stale files after the next save"
    )


def assert_whole(found):
    assert (found["unreadable"], found["neither"], found["stale"]) == (0, 0, 0)
    # Kills that hit no save at work would prove nothing.
    assert found["left by the killed"] > found["kills"] / 4


def spread(found):
    """Return how many calls of a save were the last of some child."""
    return f"{len(found['where'])} calls hit"


def test_saves_killed_at_random_instants(tmp_path, promise):
    with folder_in_memory(tmp_path) as folder:
        found = killed("random", folder, KILLS, SEED)
    promise(
        1,
        f"{KILLS} kill -9 at random instants of a loop of saves",
        ASKED,
        f"{told(found)} ({spread(found)})",
    )
    assert_whole(found)
    assert found["kills"] == KILLS
    assert len(found["where"]) >= 8


def test_saves_killed_at_every_call(tmp_path, promise):
    with folder_in_memory(tmp_path) as folder:
        found = killed("calls", folder)
    promise(
        1, "kill -9 before and after each call of a save, and within a write", ASKED, told(found)
    )
    assert_whole(found)
    assert found["kills"] > 60


@pytest.mark.slow
def test_saves_to_a_disk_killed_at_random_instants(tmp_path, promise):
    found = killed("random", tmp_path, 1000, SEED + 1)
    promise(
        1,
        "1000 kill -9 of a loop of saves on a disk",
        ASKED,
        f"{told(found)} ({spread(found)}, {found['milliseconds']:.0f} ms a save)",
    )
    assert_whole(found)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_how_torch_does(tmp_path, promise):
    found = killed("torch", tmp_path, 40, SEED)
    promise(
        1,
        "torch.save in the same loop, for comparison",
        "40 of 40 unreadable",
        f"{found['unreadable']} of {found['kills']} unreadable",
    )
    # What another package does is on record and is not ours to require, but the loop must see it.
    assert found["unreadable"] > 0
