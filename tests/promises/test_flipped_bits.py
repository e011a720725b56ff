"""Promise 3: every flipped bit of a file is noticed, and every byte that is missing or too much."""

import os

import numpy as np
import pytest

import fastbp as fb
from fastbp import checkpoints, files


class Damaged:
    """A file whose bytes are changed in place; counts what is not refused."""

    def __init__(self, path, load):
        self.path, self.load = path, load
        self.whole = path.read_bytes()
        self.tried = self.loaded = 0
        load(path)

    def refused(self):
        """Count a load; any other exception than the one that is due is an error."""
        self.tried += 1
        try:
            self.load(self.path)
        except fb.FileFormatError:
            return
        self.loaded += 1

    def flip(self, places):
        """Flip each bit of each of these bytes, one at a time."""
        file = os.open(self.path, os.O_WRONLY)
        for place in places:
            for bit in range(8):
                os.pwrite(file, bytes([self.whole[place] ^ (1 << bit)]), place)
                self.refused()
            os.pwrite(file, self.whole[place : place + 1], place)
        os.close(file)
        assert self.path.read_bytes() == self.whole

    def replace(self, changed):
        """Load other bytes in the file's place."""
        with self.path.open("r+b", buffering=0) as file:
            file.write(changed)
            file.truncate()
        self.refused()

    def put_back(self):
        self.path.write_bytes(self.whole)
        self.load(self.path)


def model(path, size, dtype="float64"):
    """Save a network whose file has so many bytes."""
    net = fb.mlp([3, 5, 2], "tanh", "softmax", "cross_entropy", dtype=dtype, seed=1)
    net.save(path)
    net.metadata = {"ü": "x" * (size - path.stat().st_size - 16)}
    net.save(path)
    assert path.stat().st_size == size
    return net


def checkpoint(path):
    """Save a fit within an epoch."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    net = fb.mlp([3, 5, 2], "tanh", "softmax", "cross_entropy", seed=1)
    every = fb.EverySteps(7, lambda training: training.save(path))
    net.fit(x, y, "adam", epochs=2, batch_size=5, validation=0.2, callbacks=every)


def prepared(path):
    """Save a network with columns of every kind."""
    table = {"age": [20.0, 40.5, 61.0], "city": ["Huế", "Vinh", "Huế"], "yes": [True, False, True]}
    columns, targets = fb.Columns().fit(table), fb.Standardize().fit({"income": [1e4, 3e4]})
    fb.mlp([None, 5, 1], "tanh", seed=1, inputs=columns, targets=targets).save(path)


SMALL = {
    "a model with preprocessing": (prepared, fb.load, 8_192),
    "a model of 4 KB": (lambda path: model(path, 4128), fb.load, 32_768),
    "a checkpoint": (checkpoint, checkpoints.read, 16_384),
}


@pytest.mark.parametrize("kind", SMALL)
def test_every_flipped_bit_of_a_small_file_is_noticed(tmp_path, kind, promise):
    make, load, least = SMALL[kind]
    path = tmp_path / "small.fastbp"
    make(path)
    one = Damaged(path, load)
    one.flip(range(len(one.whole)))
    reached = f"{one.loaded:,} of {one.tried:,}"
    promise(3, f"flipped bits of {kind} that load", "0 of all", reached)
    assert one.tried == 8 * len(one.whole) >= least
    assert one.loaded == 0


def test_every_missing_or_added_byte_of_a_small_model_is_noticed(tmp_path, promise):
    path = tmp_path / "model.fastbp"
    model(path, 4128)
    one = Damaged(path, fb.load)
    for length in range(len(one.whole)):
        one.replace(one.whole[:length])
    for byte in range(256):
        one.replace(one.whole + bytes([byte]))
        one.replace(bytes([byte]) + one.whole)
    for place in range(len(one.whole)):
        one.replace(one.whole[:place] + one.whole[place + 1 :])
        one.replace(one.whole[:place] + one.whole[place : place + 1] + one.whole[place:])
    promise(
        3,
        "truncations, and bytes taken out, doubled and appended, that load",
        "0 of all of a 4 KB model",
        f"{one.loaded:,} of {one.tried:,}",
    )
    one.put_back()
    assert one.loaded == 0


@pytest.mark.parametrize("way", ["load", "resume"])
def test_flipped_bits_of_a_file_that_is_read_in_parts_are_noticed(tmp_path, way, promise):
    path = tmp_path / "model.fastbp"
    net = fb.mlp([30, 2100, 2], "tanh", seed=1)
    if way == "load":
        net.save(path)
    else:
        keep = fb.EverySteps(1, lambda training: training.save(path))
        net.fit(np.ones((4, 30)), np.ones((4, 2)), "adam", epochs=1, callbacks=keep)
    size = path.stat().st_size
    assert size > files.CHUNK_BYTES
    one = Damaged(path, fb.load if way == "load" else checkpoints.read)
    ends = [*range(64), *range(size - 64, size)]
    borders = range(files.CHUNK_BYTES - 4, files.CHUNK_BYTES + 4)
    one.flip([*ends, *borders, *range(64, size - 64, size // 60)])
    promise(
        3,
        f"flipped bits of a file of {size / 1e6:.1f} MB ({way}) that load",
        "0 of a sample",
        f"{one.loaded:,} of {one.tried:,}",
    )
    assert one.loaded == 0
