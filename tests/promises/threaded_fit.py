"""Fits and passes of teams, for ThreadSanitizer: a script that prints how many there were.

Rows of W are whole vectors, 16 float32 or 8 float64: a vector that is read past a row's end, whose
surplus is thrown away, would be a race with the thread that updates the next row.
"""

import itertools
import sys
import threading
from pathlib import Path

import numpy as np

import fastbp as fb

sys.path.insert(0, str(Path(__file__).parents[1]))
from bits.trained import force_teams

# Sizes, what each layer has beside W and b, and the optimizer.
NETWORKS = [
    ([48, 64, 96, 16], {}, lambda: "adam"),
    ([48, 64, 96, 16], {}, lambda: fb.SGD(0.1, momentum=0.9, clip_norm=0.5)),
    ([48, 64, 64, 16], {"dropout": 0.2, "residual": True}, lambda: "adamw"),
    ([48, 64, 96, 16], {"norm": "batch"}, lambda: "sgd"),
    ([48, 64, 96, 16], {"norm": "layer"}, lambda: "rmsprop"),
]


def network(sizes, extras, dtype):
    hidden = [
        fb.Dense(
            units, "tanh", **{k: v for k, v in extras.items() if k != "residual" or n == units}
        )
        for n, units in itertools.pairwise(sizes[:-1])
    ]
    return fb.Network(sizes[0], [*hidden, fb.Dense(sizes[-1])], dtype=dtype, seed=1)


def used(dtype, threads, columns):
    """Return how many calls a team of so many threads took."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 48)).astype(dtype)
    y = np.ascontiguousarray(x[:, :16])
    for sizes, extras, optimizer in NETWORKS:
        net = network(sizes, extras, dtype)
        arguments = {"validation": 0.2, "metrics": "r2", "threads": threads, "progress": False}
        net.fit(x, y, optimizer(), epochs=2, batch_size=64, **arguments)
        net.predict(x, threads=threads)
        net.evaluate(x, y, threads=threads)
        net.train_step(x, y, "sgd")
    return 4 * len(NETWORKS)


def main():
    done = 0
    for columns in (False, True):
        force_teams(columns)
        for dtype, threads in itertools.product(["float32", "float64"], [2, 3, 4]):
            done += used(dtype, threads, columns)
    # Two Python threads, each with its team.
    pair = [threading.Thread(target=used, args=("float32", 2, True)) for _ in range(2)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    print(done + 8 * len(NETWORKS))


if __name__ == "__main__":
    main()
