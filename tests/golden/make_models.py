"""Write models/*/*.fastbp, which every later release must load bit for bit, and what they hold.

The folders are versions of the format: 2 for networks with preprocessing, 1 for all others.

Files that are there stay as they are; only missing ones are written, and what is expected of them
is kept beside them as it was in memory: descriptions and SHA-256 in expected.json, arrays in
expected.npz. Run from the repository's root::

    python tests/golden/make_models.py
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastbp as fb

sys.path.insert(0, str(Path(__file__).parents[1]))

from strategies import EVERY_ACTIVATION, EVERY_LOSS, OPTIMIZERS, optimizer_pair, targets
from structures import STRUCTURES, structure

from fastbp import names
from fastbp.spec import OUTPUT_OF_LOSS

FOLDER = Path(__file__).with_name("models")
DTYPES = ("float32", "float64")
METADATA = {
    "classes": ["Äpfel", "りんご", "\U0001f34e", 'quote " and \\ and \x00'],
    "mean": [0.1, -2.5e300, 5e-324, 1e22, -0.0],
    "none": None,
    "yes": True,
    "large": 2**128 - 1,
    "nested": {"": [[], {}]},
}

Kept = tuple[bytes, dict[str, Any], dict[str, np.ndarray]]


def filled(net: fb.Network, seed: int) -> fb.Network:
    """Return the network with parameters from every part of the range."""
    rng = np.random.default_rng(seed)
    net.params = rng.normal(size=net.params.size) * 10.0 ** rng.integers(-30, 30, net.params.size)
    return net


def model(net: fb.Network, path: Path) -> Kept:
    """Return a model's bytes and what it holds."""
    net.save(path)
    return model_of(net, path)


def model_of(net: fb.Network, path: Path) -> Kept:
    """Return the bytes of a file of a network, and what it holds of it."""
    described = {"network": net.file_contents().network, "metadata": net.metadata}
    if net.inputs is not None or net.targets is not None:
        sides = {"inputs": net.inputs, "targets": net.targets}
        described["preprocessing"] = {
            side: None if one is None else one.to_dict() for side, one in sides.items()
        }
    return path.read_bytes(), described, {"params": net.params.copy()}


def activations(dtype: str) -> fb.Network:
    """Return a network that has them all."""
    return fb.Network(2, [fb.Dense(2, name) for name in EVERY_ACTIVATION], "mae", dtype, seed=3)


def of_loss(loss: str, dtype: str) -> fb.Network:
    """Return a network with a loss."""
    output = OUTPUT_OF_LOSS.get(names.plain(loss), "tanh")
    return fb.mlp([2, 3, 2], "relu", output, loss, dtype, seed=4)


def inits() -> fb.Network:
    """Return a network whose weights began in every kind of way, with no seed."""
    rules = ["zeros", "constant(0.5)", "uniform(-0.1, 0.1)", "orthogonal", "he_uniform", np.eye(2)]
    return fb.Network(2, [fb.Dense(2, init=rule) for rule in rules], seed=None)


def special(dtype: str) -> fb.Network:
    """Return a network with parameters that are no usual numbers, and metadata."""
    net = fb.mlp([2, 3, 1], dtype=dtype, seed=2**128 - 1)
    tiny = np.finfo(dtype).smallest_subnormal
    net.params = [np.nan, np.inf, -np.inf, -0.0, tiny, -tiny, np.finfo(dtype).max, *range(6)]
    # NaN that carry bits of their own, one of them signalling.
    bits = net.params.view(f"u{net.params.itemsize}")
    bits[7:9] = bits[1] + 1, bits[1] | bits[2] | 5
    net.metadata = METADATA
    return net


def models() -> Iterator[tuple[str, Callable[[], fb.Network]]]:
    """Yield the name and the maker of each network."""
    for dtype in DTYPES:
        yield f"activations-{dtype}", lambda d=dtype: filled(activations(d), 1)
        yield f"special-{dtype}", lambda d=dtype: special(d)
    for place, loss in enumerate(EVERY_LOSS):
        file = "loss-" + loss.replace("(", "-").replace(")", "")
        yield file, lambda n=loss, i=place: filled(of_loss(n, DTYPES[i % 2]), i)
    for place, name in enumerate(STRUCTURES):
        yield (
            f"structure-{name}",
            lambda n=name, i=place: filled(structure(fb, n, DTYPES[i % 2]), i),
        )
    yield "inits", inits


COLUMNS = {
    "age": [20.0, -0.0, 60.5],
    "constant": [7, 7, 7],
    "name": ["Äpfel", "", "\U0001f34e"],
    'quote " and \\ and \x00': ["a", "b", "a"],
    "zip": np.array([10115, -1, 2**40]),
    "yes": [True, False, True],
}
NUMBERS = [[1e9, 5e-324, 0.1, 1e300], [1e9 + 1, 1.5e-323, 0.1, -1e300], [1e9 - 3, 0.0, 0.1, 7.0]]


def prepared() -> Iterator[tuple[str, Callable[[], fb.Network]]]:
    """Yield the name and the maker of each network with preprocessing."""
    numbers, columns = fb.Standardize().fit(NUMBERS), fb.Columns(categorical=["zip"]).fit(COLUMNS)
    named = fb.Standardize().fit({"Länge": [1.0, 2.5], "b": [3, 4]})
    one_hot = fb.OneHot("ignore", 9).fit({"c": ["b", "a"], "n": [3, -(2**63)]})
    lenient = fb.Columns(["age"], ["yes"], "ignore", "ignore", 2).fit(COLUMNS)
    for place, (name, inputs, outputs) in enumerate(
        [
            ("numbers", numbers, None),
            ("targets", None, named),
            ("both", named, numbers),
            ("columns", columns, None),
            ("columns-lenient", lenient, named),
            ("categories", fb.Columns().fit({"c": ["x"]}), None),
            ("one-hot", one_hot, None),
        ]
    ):
        n_in, n_out = 3 if inputs is None else None, 2 if outputs is None else outputs.n_out
        layers, dtype = [fb.Dense(3, "tanh"), fb.Dense(n_out)], DTYPES[place % 2]
        net = fb.Network(n_in, layers, "mae", dtype, place, inputs, outputs)
        yield f"prepared-{name}", lambda net=net, seed=place: filled(net, seed)


def prepared_checkpoint(path: Path) -> Kept:
    """Return a checkpoint of a fit that has fitted inputs and targets itself."""
    net = fb.mlp([2, 3, 1], "tanh", seed=5, inputs=fb.Standardize(), targets=fb.Standardize())
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20, 2)) * [1e3, 1] + [1e6, 0]
    kept: list[Kept] = []

    def keep(training: fb.Training) -> bool:
        training.save(path)
        kept.append(model_of(net, path))
        return True

    every = fb.EverySteps(7, keep)
    net.fit(x, x[:, :1], "adam", epochs=9, batch_size=4, validation=0.2, callbacks=every)
    return kept[0]


def checkpoint(name: str, dtype: str, stop: int, path: Path) -> Kept:
    """Return a checkpoint's bytes and what it holds, taken after so many steps."""
    optimizer = fb.Rprop() if name == "rprop" else optimizer_pair(name)[0]
    layers = [fb.Dense(3, "tanh", dropout=0.2), fb.Dense(2, "tanh", norm="batch"), fb.Dense(2)]
    net = fb.Network(2, layers, "mse", dtype, seed=stop)
    net.metadata = {"optimizer": name}
    rng = np.random.default_rng(stop)
    x = rng.normal(size=(20, 2))
    y = targets(rng, "mse", 20, 2, dtype)
    described: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}

    def keep(training: fb.Training) -> bool:
        arrays["params"] = net.params.copy()
        for part in ("hyper", "clock", "slots"):
            arrays[part] = getattr(optimizer, part).copy()
        columns = training.history.columns()
        arrays["history"] = np.array(list(columns.values()))
        described["network"] = net.file_contents().network
        described["metadata"] = net.metadata
        described["columns"] = list(columns)
        place = {part: getattr(training, part) for part in ("epoch", "step", "total_steps")}
        described["place"] = place
        training.save(path)
        return True

    net.fit(
        x,
        y,
        optimizer,
        epochs=9,
        batch_size=None if name == "rprop" else 4,
        callbacks=fb.EverySteps(stop, keep),
        validation=0.2,
        metrics=["r2", "gradient_norm"],
        stop=fb.Stop(restore_best=True, patience=9),
        schedule=fb.ReduceOnPlateau(0.5, patience=0) if stop % 2 else None,
        progress=False,
    )
    return path.read_bytes(), described, arrays


def checkpoints() -> Iterator[tuple[str, Callable[[Path], Kept]]]:
    """Yield the name and the maker of each checkpoint."""
    for place, name in enumerate([*OPTIMIZERS, "rprop"]):
        yield (
            f"checkpoint-{name}",
            lambda path, n=name, i=place: checkpoint(
                n, DTYPES[i % 2], 3 + i % 7 if n != "rprop" else 3, path
            ),
        )


def write_missing(folder: Path, makers: dict[str, Callable[[Path], Kept]]) -> None:
    """Write every file of a folder that is not there."""
    index, store = folder / "expected.json", folder / "expected.npz"
    known = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    if not makers.keys() - known.keys():
        return
    folder.mkdir(exist_ok=True)
    arrays = dict(np.load(store)) if store.exists() else {}
    for name, make in makers.items():
        path = folder / f"{name}.fastbp"
        if name in known:
            continue
        data, described, values = make(path)
        known[name] = {"sha256": hashlib.sha256(data).hexdigest(), **described}
        arrays |= {f"{name}/{part}": value for part, value in values.items()}
        print(f"{path.name}: {len(data)} bytes")
    lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
    index.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    np.savez_compressed(store, **arrays)


def main() -> int:
    """Write every file that is not there."""
    makers = {name: lambda path, m=make: model(m(), path) for name, make in models()}
    write_missing(FOLDER / "1", {**makers, **dict(checkpoints())})
    makers = {name: lambda path, m=make: model(m(), path) for name, make in prepared()}
    write_missing(FOLDER / "2", {**makers, "prepared-checkpoint": prepared_checkpoint})
    return 0


if __name__ == "__main__":
    sys.exit(main())
