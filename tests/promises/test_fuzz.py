"""Promise 4: no file can hurt who loads it.

FASTBP_FUZZ_COUNT says how many changed files the quick test loads: 1,000,000 without it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVE = Path(__file__).parents[1] / "fuzz" / "drive.py"
QUICK = int(os.environ.get("FASTBP_FUZZ_COUNT", "1000000"))
SLOW = 10_000_000
# A checkpoint takes twice the time of a model: both processes end together.
SHARES = {"models": 0.65, "checkpoints": 0.35}
MOST_MIB, MOST_MS = 64, 50
# A part of the message of each stage that a file must come to before it is refused.
REACHED = {
    "models": [
        *("it is damaged: its bytes", "it was written by a newe", "its header cannot be rea"),
        *("its arrays must end with", "bytes between its arrays", "params must hold "),
        *("units must be", "activation must be", "tied_to must be"),
    ],
    "checkpoints": [
        *("it is damaged: its bytes", "its arrays must be those", "slots of shape"),
        *("step must", "generator must", "clock must begin", "hyper must be settings", "waited"),
        *("another fit", "ground must have", "seed and key must be"),
    ],
}


def drive(count, seed):
    """Load so many files in two processes; return what both measured."""
    running = {}
    for kind, share in SHARES.items():
        words = [sys.executable, str(DRIVE), "--kind", kind, "--seed", str(seed)]
        running[kind] = subprocess.Popen(
            [*words, "--count", str(max(1, int(count * share)))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "FASTBP_NUM_THREADS": "1"},
        )
    found = {}
    for kind, process in running.items():
        output, errors = process.communicate()
        assert process.returncode == 0, f"{kind}, status {process.returncode}: {errors[-20000:]}"
        found[kind] = json.loads(output)
    return found


def keep_promise(promise, count, seed):
    """Load so many files, put the figures on record and require what is promised."""
    found = drive(count, seed)
    files = sum(int(one["files"]) for one in found.values())
    slowest = max(one["slowest_ms"] for one in found.values())
    grown = max(one["grown_kib"] for one in found.values()) / 1024
    traced = max(one["traced_kib"] for one in found.values()) / 1024
    loaded = sum(int(one["loaded"] + one["resumed"]) for one in found.values())
    rate = sum(one["files"] / one["seconds"] for one in found.values())
    promise(
        4,
        "changed files: crashes, hangs and other exceptions than FileFormatError",
        f"0 of {count:,}",
        f"0 of {files:,} ({loaded:,} loads of valid files, {rate:,.0f} files a second)",
    )
    promise(4, "longest time of one file", f"< {MOST_MS} ms", f"{slowest:.1f} ms of CPU time")
    promise(
        4,
        "memory that a process takes for loading",
        f"< {MOST_MIB} MiB",
        f"{grown:.1f} MiB; {traced:.2f} MiB traced in a sample",
    )
    assert files >= 0.99 * count
    assert slowest < MOST_MS
    assert grown < MOST_MIB
    assert traced < MOST_MIB
    if count >= 50_000:
        for kind, parts in REACHED.items():
            reasons = found[kind]["reasons"]
            missing = [part for part in parts if not any(part in reason for reason in reasons)]
            assert not missing, (kind, sorted(reasons))
            assert found[kind]["loaded"] > 0.005 * found[kind]["files"]
        assert found["checkpoints"]["resumed"] > 0.03 * found["checkpoints"]["files"]


def test_changed_files_are_refused_or_sound(promise):
    keep_promise(promise, QUICK, seed=1)


@pytest.mark.slow
def test_ten_million_changed_files_are_refused_or_sound(promise):
    keep_promise(promise, SLOW, seed=2)
