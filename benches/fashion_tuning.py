"""How the recipe of examples/fashion_mnist.py was chosen: accuracies on held-out training rows.

    python benches/fashion_tuning.py [FOLDER]   train, write results/fashion_tuning.json, fill the
                                                document; FOLDER has the data, as for the example
    python benches/fashion_tuning.py --check    fail if docs/performance.md is stale

Each candidate differs from the recipe in what its name says. It trains on 50,000 of the 60,000
training rows from several seeds and is asked for the others; the test rows are not used. No time is
taken: work is multiply-adds of the matrix products, in shares of the recipe's.
"""

import argparse
import copy
import itertools
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
sys.path[:0] = [str(ROOT / "examples"), str(BENCHES)]

import fashion_mnist as example  # noqa: E402
import numpy as np  # noqa: E402
from marked_block import fill_all  # noqa: E402

import fastbp as fb  # noqa: E402

RESULTS = BENCHES / "results" / "fashion_tuning.json"
NAME = "fashion tuning"
SEEDS = range(5)
HELD_OUT = 10_000
SPLIT_SEED = 2026
RECIPE = "the recipe"


def by_255(x: np.ndarray, held: np.ndarray) -> None:
    """Scale grey values to 0 to 1, in place."""
    x /= 255
    held /= 255


def centred(x: np.ndarray, held: np.ndarray) -> None:
    """Scale to 0 to 1, then take the mean of all pixels off."""
    by_255(x, held)
    mean = np.float32(x.mean(dtype=np.float64))
    x -= mean
    held -= mean


def one_mean(x: np.ndarray, held: np.ndarray) -> None:
    """Take the mean of all pixels off and divide by their deviation."""
    centred(x, held)
    deviation = np.float32(x.std(dtype=np.float64))
    x /= deviation
    held /= deviation


@dataclass(frozen=True)
class Candidate:
    """A way to train; what is not given is the recipe's."""

    scaling: Any = example.standardise
    hidden: tuple[int, ...] = (example.HIDDEN,)
    epochs: int = example.EPOCHS
    batch: int = example.BATCH
    optimizer: fb.Adam | fb.SGD = fb.Adam(example.LEARNING_RATE)  # noqa: RUF009
    schedule: fb.OneCycle | fb.Cosine = example.SCHEDULE

    def work(self) -> float:
        """Return multiply-adds of a training row: forward, both gradients, the epochs."""
        products = [a * b for a, b in itertools.pairwise((784, *self.hidden, 10))]
        return self.epochs * (3 * sum(products) - products[0])


def momentum(learning_rate: float) -> fb.SGD:
    """Return SGD with Nesterov momentum."""
    return fb.SGD(learning_rate, momentum=0.9, nesterov=True)


CANDIDATES = {
    RECIPE: Candidate(),
    "inputs / 255": Candidate(by_255),
    "inputs / 255, less the mean of all": Candidate(centred),
    "one mean for all pixels": Candidate(one_mean),
    "64 units, 8 epochs": Candidate(hidden=(64,), epochs=8),
    "80 units, 7 epochs": Candidate(hidden=(80,), epochs=7),
    "128 units, 4 epochs": Candidate(hidden=(128,), epochs=4),
    "128 units, 5 epochs": Candidate(hidden=(128,), epochs=5),
    "256 units, 3 epochs": Candidate(hidden=(256,), epochs=3),
    "96 and 48 units, 5 epochs": Candidate(hidden=(96, 48), epochs=5),
    "5 epochs": Candidate(epochs=5),
    "batch 64": Candidate(batch=64),
    "batch 256": Candidate(batch=256),
    "Adam(0.003)": Candidate(optimizer=fb.Adam(0.003)),
    "Adam(0.005)": Candidate(optimizer=fb.Adam(0.005)),
    "Adam(0.01)": Candidate(optimizer=fb.Adam(0.01)),
    "Adam(0.007, beta2=0.99)": Candidate(optimizer=fb.Adam(0.007, beta2=0.99)),
    "Nesterov momentum, 0.05": Candidate(optimizer=momentum(0.05)),
    "Nesterov momentum, 0.1": Candidate(optimizer=momentum(0.1)),
    "Nesterov momentum, 0.08, 7 epochs": Candidate(optimizer=momentum(0.08), epochs=7),
    "OneCycle(peak=0.2)": Candidate(schedule=fb.OneCycle(peak=0.2)),
    "Cosine()": Candidate(schedule=fb.Cosine()),
}


def accuracies(candidate: Candidate, x: np.ndarray, y: np.ndarray) -> list[float]:
    """Return the accuracy on the held-out rows, seed by seed."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    train, held = order[:-HELD_OUT], order[-HELD_OUT:]
    x_train, x_held = x[train], x[held]
    candidate.scaling(x_train, x_held)
    found = []
    for seed in SEEDS:
        sizes = [x.shape[1], *candidate.hidden, 10]
        net = fb.mlp(sizes, "relu", "softmax", "cross_entropy", "float32", seed)
        net.fit(
            x_train,
            y[train],
            copy.deepcopy(candidate.optimizer),
            epochs=candidate.epochs,
            batch_size=candidate.batch,
            schedule=candidate.schedule,
            progress=False,
        )
        found.append(float(np.mean(net.predict(x_held).argmax(1) == y[held])))
    return found


def measure(folder: Path) -> dict[str, Any]:
    """Return work and accuracies of every candidate."""
    (x, y), _ = example.read(folder)
    cases = []
    for name, candidate in CANDIDATES.items():
        found = accuracies(candidate, x, y)
        cases.append({"name": name, "work": candidate.work(), "accuracy": found})
        print(f"{name:36s} mean {statistics.mean(found):.4f}  lowest {min(found):.4f}", flush=True)
    return {"cases": cases}


def table(results: dict[str, Any]) -> str:
    """Return the Markdown table: a line a candidate."""
    base = next(case["work"] for case in results["cases"] if case["name"] == RECIPE)
    lines = ["| | work | accuracy, mean | lowest |", "| --- | ---: | ---: | ---: |"]
    for case in results["cases"]:
        mean, lowest = statistics.mean(case["accuracy"]), min(case["accuracy"])
        share = case["work"] / base
        lines.append(f"| {case['name']} | {share:.2f} | {mean:.4f} | {lowest:.4f} |")
    return "\n".join(lines)


def main() -> int:
    """Train, or only compare with what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=example.FOLDER)
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        try:
            results = measure(arguments.folder)
        except example.NoData as missing:
            sys.exit(str(missing))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    body = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    return fill_all({ROOT / "docs" / "performance.md": body}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
