"""The Fashion-MNIST example on small files of the same kind, and where there are none."""

import gzip
import re
import runpy
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fashion_mnist.py"
ROWS = {"train": 600, "t10k": 200}


def idx(values):
    """Return an array of bytes as the content of an idx file."""
    head = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.tobytes()


def run(*arguments):
    command = [sys.executable, EXAMPLE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with four files: each class has a patch of its own, in noise."""
    rng = np.random.default_rng(0)
    for part, n in ROWS.items():
        labels = np.arange(n) % 10
        images = rng.integers(0, 100, (n, 28, 28))
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 5)
            image[4 + 10 * row : 12 + 10 * row, 5 * column : 5 * column + 5] += 120
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            content = gzip.compress(idx(values.astype(np.uint8)))
            (tmp_path / f"{part}-{name}-ubyte.gz").write_bytes(content)
    return tmp_path


def accuracy(done):
    """Return the test accuracy that a run printed, its other lines as they must be."""
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first.startswith("600 training and 200 test images from ")
    assert re.fullmatch(r"784-\d+-10, \d+ epochs in batches of \d+: \d+\.\d\d s", second)
    return float(re.fullmatch(r"test accuracy (\d\.\d{4})", third)[1])


def test_example_learns_what_the_files_hold(folder):
    assert accuracy(run(folder, "--threads", 1)) > 0.95


def test_files_without_gzip_give_the_same(folder):
    before = accuracy(run(folder, "--seed", 3))
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert accuracy(run(folder, "--seed", 3)) == before


def test_training_and_test_images_are_scaled_alike(folder):
    for kind in ("images-idx3", "labels-idx1"):
        content = (folder / f"train-{kind}-ubyte.gz").read_bytes()
        (folder / f"t10k-{kind}-ubyte.gz").write_bytes(content)
    example = runpy.run_path(str(EXAMPLE))
    (x, y), (x_test, y_test) = example["read"](folder)
    example["standardise"](x, x_test)
    assert x.dtype == np.float32
    assert x.shape == (600, 784)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(), 1, rtol=1e-6)
    np.testing.assert_array_equal(x_test, x)
    np.testing.assert_array_equal(y_test, y)
    np.testing.assert_array_equal(y, np.arange(600) % 10)


def test_missing_folder_is_one_sentence_and_exit_code_1(tmp_path):
    done = run(tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"There is no train-images-idx3-ubyte.gz in {tmp_path / 'nowhere'}: install Debian's "
        "package dataset-fashion-mnist, or give the folder that has the four files of "
        "Fashion-MNIST.\n"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no such thing", "is no idx file of unsigned bytes."),
        (b"", "is no idx file of unsigned bytes."),
        (idx(np.zeros((3, 28, 28), np.uint8))[:-1], "has 2351 values where its head says 2352."),
    ],
    ids=["text", "empty", "cut short"],
)
def test_other_files_are_refused_in_one_sentence(folder, content, sentence):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content))
    done = run(folder)
    assert (done.returncode, done.stderr) == (1, f"{path} {sentence}\n")
