"""Load changed files one after another; end at the first that is neither refused nor sane.

    python tests/fuzz/drive.py --models 100000 --checkpoints 50000 --seed 1

Each file is written to a real one and goes the public way: `fastbp.load`, and for checkpoints
`fit(resume=)` too. The last line of output is a JSON object of what was measured. A file that
breaks the rules is printed as base64, and the process ends with status 1.
"""

import argparse
import base64
import contextlib
import json
import math
import os
import re
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from fuzz.mutants import Mutants, Seed
from fuzz.resuming import Resumer

import fastbp as fb
from fastbp import checkpoints, files
from fastbp.sides import sides_of

GOLDEN = Path(__file__).parents[1] / "golden" / "models"
LARGEST_SEED = 4600
KINDS = ("models", "checkpoints")
# Of a file that breaks the rules; its seed and number make it again.
SHOWN = 10_000
# Checkpoints that are loaded as models and gone on from, loads whose memory is traced, and networks
# that are looked at: one in so many.
TAKES_STEPS, TRACED, CHECKED = 8, 997, 8
# CPU seconds from which on a call is measured again.
RETRIED = 0.025
# Files after which what is imported and kept for good is there; memory is measured from then on.
FIRST = 200
# Letters of a message that name the check; later ones tell what came.
NAMING = 24


class Unsound(Exception):
    """A file was loaded that is not what a file may be."""


def row_for(net: fb.Network) -> Any:
    """Return one row that a network takes: of means, and of first categories."""
    inputs = net.inputs
    if inputs is None:
        return np.zeros((1, net.sizes[0]))
    if isinstance(inputs, fb.Standardize):
        return inputs.mean[np.newaxis]
    if isinstance(inputs, fb.OneHot):
        return np.array([[one[0] for one in inputs.categories]], object)
    return {
        column.name: [column.mean if column.categories is None else column.categories[0]]
        for column in inputs.columns
    }


def check_network(net: fb.Network) -> None:
    """Require that a loaded network is whole and works."""
    parts = [part.size for part in (*net.biases, *net.scales, *net.shifts) if part is not None]
    parts += [part.size for part in (*net.means, *net.variances) if part is not None]
    owned = [w.size for w, d in zip(net.weights, net.layers, strict=True) if d.tied_to is None]
    if net.params.size != sum(parts) + sum(owned):
        raise Unsound(f"{net!r} with {sum(parts)} + {sum(owned)} numbers in its parts")
    if net.params.dtype != net.dtype:
        raise Unsound(f"{net!r} with parameters of {net.params.dtype}")
    with np.errstate(all="ignore"):
        outputs = net.predict(row_for(net))
    if outputs.shape != (1, net.sizes[-1]):
        raise Unsound(f"{net!r} with outputs of shape {outputs.shape}")
    again = files.from_bytes(files.to_bytes(net.file_contents()), "again")
    sides = sides_of(again.preprocessing)
    same = again.metadata == net.metadata and sides == (net.inputs, net.targets)
    if again.params.tobytes() != net.params.tobytes() or not same:
        raise Unsound(f"{net!r} that is another once it is saved")


def check_state(state: checkpoints.State) -> None:
    """Require that a state is one that a fit may come to."""
    epoch, step, total = state.place[:3]
    steps = math.ceil(state.ground.rows / state.ground.batch_size)
    if not (0 <= step <= steps and total == epoch * steps + step and epoch >= 0):
        raise Unsound(f"{state.place} with {steps} steps an epoch")
    if not (math.isfinite(state.place.seconds) and state.watch[2] >= 0):
        raise Unsound(f"{state.place}, {state.watch}")
    if len(state.slots.T) != len(state.params) or len(state.hyper) != len(state.settings):
        raise Unsound(f"state vectors of shape {state.slots.shape}, {len(state.hyper)} settings")


def cpu(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call once more: other work on the machine lengthens it at times."""
    began = time.thread_time()
    with contextlib.suppress(ValueError):
        call()
    return time.thread_time() - began


class Drive:
    """Files of one kind, loaded one after another from one path.

    Parameters
    ----------
    kind : str
        "models" or "checkpoints".
    folder : Path
        Where the file lies.
    number : int
        Seeds the changes.
    """

    def __init__(self, kind: str, folder: Path, number: int) -> None:
        self.resumes = kind == "checkpoints"
        found = [
            path
            for path in sorted(GOLDEN.glob("*/*.fastbp"))
            if ("checkpoint" in path.stem) == self.resumes and path.stat().st_size <= LARGEST_SEED
        ]
        seeds = {path: Seed(path.read_bytes()) for path in found}
        self.fits = {id(seeds[path]): Resumer(path) for path in found if self.resumes}
        self.mutants = Mutants(list(seeds.values()), number)
        self.path = str(folder / "mutant.fastbp")
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT)
        self.reasons: Counter[str] = Counter()
        self.figures: dict[str, float] = dict.fromkeys(
            ("files", "loaded", "resumed", "slowest_ms", "traced_kib"), 0
        )

    def run(self, count: int) -> None:
        """Load so many files; raise what no file may."""
        for number in range(count):
            seed, self.data = self.mutants.next()
            os.pwrite(self.file, self.data, 0)
            os.ftruncate(self.file, len(self.data))
            if number % TRACED == TRACED - 1:
                tracemalloc.start()
                self.load(seed, number)
                peak = tracemalloc.get_traced_memory()[1] / 1024
                tracemalloc.stop()
                self.figures["traced_kib"] = max(peak, self.figures["traced_kib"])
            else:
                self.load(seed, number)
        self.figures["files"] += count

    def load(self, seed: Seed, number: int) -> None:
        """Load one file in the ways there are."""
        steps = number % TAKES_STEPS == 0
        if not self.resumes or steps:
            net = self.timed(lambda: fb.load(self.path))
            if net is not None:
                self.figures["loaded"] += 1
                if number % CHECKED == 0:
                    check_network(net)
        if self.resumes:
            fit = self.fits[id(seed)]
            state = self.timed(lambda: checkpoints.read(self.path))
            if state is not None:
                self.figures["resumed"] += 1
                check_state(state)
                self.timed(lambda: fit.restore(state))
                if steps:
                    self.timed(lambda: fit.fit(self.path, state.place.epoch + 1))

    def timed(self, call: Callable[[], Any]) -> Any:
        """Return what a call returns, None where it refuses; keep the longest time of a call."""
        with self.refusals():
            began = time.thread_time()
            try:
                return call()
            finally:
                spent = time.thread_time() - began
                if spent > RETRIED:
                    spent = min(spent, *(cpu(call) for _ in range(8)))
                self.figures["slowest_ms"] = max(1000 * spent, self.figures["slowest_ms"])
        return None

    @contextlib.contextmanager
    def refusals(self):
        """Count what is refused as it should be."""
        try:
            yield
        except fb.FileFormatError as error:
            if len(str(error)) > 1000:
                raise Unsound(f"a message of {len(str(error))} letters") from error
            self.reasons[str(error).partition(": ")[2][:NAMING]] += 1
        except ValueError as error:
            # A whole checkpoint, of another fit than the one that asks for it.
            if "checkpoint" not in str(error):
                raise
            self.reasons["another fit"] += 1


def main() -> int:
    """Run, and print what was measured."""
    parser = argparse.ArgumentParser()
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")
    # Numbers that were changed may make a fit diverge.
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    counts = {kind: getattr(options, kind) for kind in KINDS if getattr(options, kind) > 0}
    with tempfile.TemporaryDirectory() as folder:
        found = {
            kind: measured(kind, Path(folder), options.seed, count)
            for kind, count in counts.items()
        }
    print(json.dumps(found))
    return 0


def measured(kind: str, folder: Path, number: int, count: int) -> dict[str, Any]:
    """Load so many files of a kind; return what was measured."""
    drive = Drive(kind, folder, number)
    drive.run(min(FIRST, count))
    before, began, cpu_began = peak_kib(), time.perf_counter(), time.process_time()
    try:
        drive.run(max(0, count - FIRST))
    except BaseException:
        print(base64.b64encode(drive.data)[:SHOWN].decode(), file=sys.stderr)
        raise
    return {
        **drive.figures,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "grown_kib": peak_kib() - before,
        "reasons": dict(drive.reasons),
    }


def peak_kib() -> int:
    """Return the most memory that this process has had.

    Not ru_maxrss, which a process has from the one that started it where that was larger.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])


if __name__ == "__main__":
    sys.exit(main())
