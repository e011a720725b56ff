"""A recipe for Fashion-MNIST: 60,000 images of 28x28 pixels in 10 classes, in a few seconds.

    python examples/fashion_mnist.py [FOLDER] [--seed 0] [--threads 1]

FOLDER has the four files of the set, packed by gzip or not; without it they are looked for where
Debian's package dataset-fashion-mnist puts them. From each pixel its mean over the training images
is taken off, and all pixels are divided by their one standard deviation. docs/performance.md says
how the recipe was found.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", arXiv:1708.07747, 2017.
"""

import argparse
import gzip
import sys
import time
import zlib
from pathlib import Path

import numpy as np

import fastbp as fb

FOLDER = Path("/usr/share/datasets/fashion-mnist")
HIDDEN = 96
EPOCHS = 6
BATCH = 128
LEARNING_RATE = 0.007
SCHEDULE = fb.OneCycle()


class NoData(Exception):
    """A file of the set is missing, or is something else; the message is a sentence."""


def read_idx(folder: Path, name: str) -> np.ndarray:
    """Return the bytes of an idx file, as they are or packed by gzip, in the shape it states."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            break
    else:
        raise NoData(
            f"There is no {name}.gz in {folder}: install Debian's package dataset-fashion-mnist, "
            "or give the folder that has the four files of Fashion-MNIST."
        )
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise NoData(f"{path} cannot be unpacked by gzip: {error}.") from None
    # Two zeros, 8 for unsigned bytes, the number of dimensions; then each as 4 bytes.
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise NoData(f"{path} is no idx file of unsigned bytes.")
    shape = np.frombuffer(content, ">u4", content[3], 4).astype(int)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
    if values.size != shape.prod():
        raise NoData(f"{path} has {values.size} values where its head says {shape.prod()}.")
    return values.reshape(shape)


def read(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return x and y of training, and of test: grey values (n, n_pixels) float32, and classes."""
    found = []
    for part in ("train", "t10k"):
        images = read_idx(folder, f"{part}-images-idx3-ubyte")
        labels = read_idx(folder, f"{part}-labels-idx1-ubyte")
        found.append((images.reshape(len(images), -1).astype(np.float32), labels.astype(np.int64)))
    return found


def standardise(x: np.ndarray, others: np.ndarray) -> None:
    """Take each pixel's mean in x off, and divide by the standard deviation; both in place."""
    mean = x.mean(0, dtype=np.float64).astype(np.float32)
    x -= mean
    deviation = np.float32(x.std(dtype=np.float64))
    x /= deviation
    others -= mean
    others /= deviation


def network(n_in: int, seed: int) -> fb.Network:
    """Return the network before training; the seed draws its weights and the order of rows."""
    return fb.mlp([n_in, HIDDEN, 10], "relu", "softmax", "cross_entropy", "float32", seed)


def train(net: fb.Network, x: np.ndarray, y: np.ndarray, threads: int | None) -> float:
    """Train by the recipe; return the seconds it took."""
    began = time.perf_counter()
    net.fit(
        x,
        y,
        fb.Adam(LEARNING_RATE),
        epochs=EPOCHS,
        batch_size=BATCH,
        schedule=SCHEDULE,
        progress=False,
        threads=threads,
    )
    return time.perf_counter() - began


def main() -> None:
    """Read, train, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="the most to use; all cores without it")
    arguments = parser.parse_args()
    try:
        (x, y), (x_test, y_test) = read(arguments.folder)
    except NoData as missing:
        sys.exit(str(missing))
    standardise(x, x_test)
    print(f"{len(x):,} training and {len(x_test):,} test images from {arguments.folder}")
    net = network(x.shape[1], arguments.seed)
    seconds = train(net, x, y, arguments.threads)
    print(f"{x.shape[1]}-{HIDDEN}-10, {EPOCHS} epochs in batches of {BATCH}: {seconds:.2f} s")
    accuracy = np.mean(net.predict(x_test).argmax(1) == y_test)
    print(f"test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
