"""Memory maps: used in place, or converted by chunks into a file that goes with its array."""

import errno
import gc
import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from strategies import DISGUISES
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import checks, maps

DTYPES = ["float32", "float64"]
SOURCES = ["float64", "float32", "float16", "int64", "int16", "uint8", "bool", ">f8", ">i2"]
# Sequences of Python, which numpy reads in its own way.
OF_PYTHON = ["list", "tuples", "list-of-arrays"]
LAYOUTS = ["rows", "fortran", "strided", "shifted"]
N_ROWS = 300


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the temporary folder, where every mapped array is large and a chunk is 7 rows."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(maps, "SMALL_BYTES", 0)
    monkeypatch.setattr(maps, "CHUNK_BYTES", 7 * 4 * 4)
    return tmp_path


def mapped(array, path, layout="rows"):
    """Return the numbers of an array in a read-only map of a file."""
    order = "F" if layout == "fortran" else "C"
    shape = (2 * len(array), *array.shape[1:]) if layout == "strided" else array.shape
    offset = 1 if layout == "shifted" else 0
    every = slice(None, None, 2 if layout == "strided" else 1)
    np.memmap(path, array.dtype, "w+", offset, shape, order)[every] = array
    return np.memmap(path, array.dtype, "r", offset, shape, order)[every]


def whole_numbers(dtype):
    rng = np.random.default_rng(8)
    x = rng.integers(0, 2, (N_ROWS, 4)).astype(dtype)
    return x, x[:, :2].sum(axis=1), np.arange(N_ROWS).astype(dtype)


def trained(dtype, loss, x, y, weight=None):
    """Return the parameters of a small network after a fit."""
    n_out = 3 if loss == "cross_entropy" else 1
    output = "softmax" if loss == "cross_entropy" else "exp"
    net = fb.mlp([4, 5, n_out], "tanh", output, loss, dtype=dtype, seed=1)
    net.fit(x, y, "adam", epochs=2, batch_size=16, sample_weight=weight, validation=(x, y))
    return net.params


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_map_of_the_networks_dtype_is_used_in_place(dtype, tmp_path, folder):
    x = whole_numbers(dtype)[0]
    source = mapped(x, tmp_path / "x")
    np.save(tmp_path / "x.npy", x)
    for same in (source, source[5:], np.load(tmp_path / "x.npy", mmap_mode="r")):
        found = checks.rows("x", same, 4, dtype, "4-1")
        assert np.shares_memory(found, same)
        assert maps.is_mapped(found)
        y, _ = checks.targets(same, "mse", len(same), 4, dtype)
        assert np.shares_memory(y, same)
    label = mapped(np.arange(4), tmp_path / "label")
    assert np.shares_memory(checks.targets(label, "cross_entropy", 4, 4, dtype)[1], label)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_fit_from_maps_gives_the_bits_of_one_from_memory(source, layout, dtype, tmp_path, folder):
    x, y, weight = (array.astype(source) for array in whole_numbers(dtype))
    x_map = mapped(x, tmp_path / "x", layout)
    y_map, weight_map = mapped(y, tmp_path / "y", layout), mapped(weight, tmp_path / "w", layout)
    found = checks.rows("x", x_map, 4, dtype, "4-1")
    assert maps.is_mapped(found)
    assert found.flags.c_contiguous
    assert found.flags.aligned
    assert_same_bits(found, x.astype(dtype))
    for loss in ("poisson", "cross_entropy"):
        want = trained(dtype, loss, x, y, weight)
        assert_same_bits(trained(dtype, loss, x_map, y_map, weight_map), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_maps_are_converted_in_memory(dtype, tmp_path):
    x = whole_numbers(dtype)[0]
    found = checks.rows("x", mapped(x.astype(np.uint8), tmp_path / "x"), 4, dtype, "4-1")
    assert_same_bits(found, x)
    assert not maps.is_mapped(found)


def test_what_a_map_holds_is_told_from_what_was_computed_of_it(tmp_path):
    source = mapped(np.ones((6, 4)), tmp_path / "x")
    for view in (source, source[2:], source.T, source.view(np.ndarray), np.asarray(source)[::2]):
        assert maps.is_mapped(view)
    assert maps.is_mapped(np.frombuffer(memoryview(source._mmap), np.float64))
    for copy in (source + 1, source.copy(), np.array(source), np.ones(3), source[[0, 1]]):
        assert not maps.is_mapped(copy)


def deleted_files(folder):
    """Return the mapped files of a folder that no longer have a name."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if str(folder) in line and line.endswith("(deleted)")]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_the_file_goes_with_its_array(tmp_path_factory, folder):
    x = whole_numbers(np.uint8)[0]
    source = mapped(x, tmp_path_factory.mktemp("source") / "x")
    found = checks.rows("x", source, 4, np.float32, "4-1")
    assert len(deleted_files(folder)) == 1
    assert list(folder.iterdir()) == []
    del found
    gc.collect()
    assert deleted_files(folder) == []
    net = fb.mlp([4, 1])
    net.fit(source, x[:, 0], epochs=1, progress=False)
    net.predict(source)
    with pytest.raises(ValueError, match=r"^y must have shape"):
        net.evaluate(source, x)
    gc.collect()
    assert deleted_files(folder) == []
    assert list(folder.iterdir()) == []


def test_a_folder_without_room_is_named(tmp_path, folder, monkeypatch):
    source = mapped(np.ones((N_ROWS, 4), np.uint8), tmp_path / "x")
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "r+b"))  # noqa: SIM115
    message = (
        rf"the temporary folder {tmp_path} is too small for {N_ROWS * 16} bytes of rows copied "
        "from a memory map; set TMPDIR to a folder with more room"
    )
    with pytest.raises(OSError, match=message) as caught:
        fb.mlp([4, 1]).predict(source)
    assert caught.value.errno == errno.ENOSPC


def test_other_errors_of_the_file_stay_as_they_are(tmp_path, folder, monkeypatch):
    source = mapped(np.ones((N_ROWS, 4), np.uint8), tmp_path / "x")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*missing"):
        fb.mlp([4, 1]).predict(source)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_rows_of_an_index_are_those_of_an_array(dtype, tmp_path, folder):
    array = np.random.default_rng(0).integers(0, 99, (N_ROWS, 4)).astype(dtype)
    index = np.random.default_rng(1).permutation(N_ROWS)[:100]
    for whole in (array, array[:, 0].copy()):
        source = mapped(whole, tmp_path / "x")
        found = maps.take(source, index)
        assert maps.is_mapped(found)
        assert type(found) is np.ndarray
        assert_same_bits(found, whole[index])
        in_memory = maps.take(whole, index)
        assert not maps.is_mapped(in_memory)
        assert_same_bits(in_memory, whole[index])


def test_few_rows_are_taken_into_memory(tmp_path):
    array = np.arange(12.0).reshape(6, 2)
    found = maps.take(mapped(array, tmp_path / "x"), np.array([4, 1]))
    assert type(found) is np.ndarray
    assert not maps.is_mapped(found)
    assert_same_bits(found, array[[4, 1]])
    assert maps.take(mapped(array, tmp_path / "x"), np.array([], np.int64)).shape == (0, 2)


def peak_beside(call):
    """Return what a call returns, and the most bytes that it held beside that."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = call()
        return found, tracemalloc.get_traced_memory()[1] - before - found.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("disguise", [name for name in DISGUISES if name not in OF_PYTHON])
def test_an_array_is_converted_without_another_copy(disguise, dtype):
    x = np.random.default_rng(0).integers(0, 2, (200_000, 3)).astype(np.float64)
    source = DISGUISES[disguise](x)
    found, beside = peak_beside(lambda: checks.rows("x", source, 3, dtype, "3-1"))
    assert_same_bits(found, x.astype(dtype))
    assert beside < 50_000


@pytest.mark.parametrize("loss", ["poisson", "cross_entropy", "hinge", "gamma"])
def test_checks_of_targets_take_no_memory_that_grows_with_the_rows(loss):
    y = np.ones((2_000_000, 1), np.float32)
    found, beside = peak_beside(lambda: checks.targets(y, loss, len(y), 1, np.float32)[0])
    assert found is not None
    assert found.nbytes + beside < 5_000_000


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int64"])
def test_checks_of_labels_take_no_memory_beside_the_labels(dtype):
    y = np.zeros(2_000_000, dtype)
    _, beside = peak_beside(lambda: checks.targets(y, "cross_entropy", len(y), 2, np.float32)[1])
    assert beside < 5_000_000


@pytest.mark.parametrize(
    ("loss", "bad", "message"),
    [
        ("cross_entropy", 0.5, r"^y must have rows that sum to 1 for cross_entropy, got \[0.5\]"),
        ("cross_entropy", -1, r"^y must lie in \[0, 1\] for cross_entropy, got \[-1.\]"),
        ("poisson", -1, r"^y must be at least 0 for poisson, got \[-1.\]"),
        ("hinge", 0.5, r"^y must be -1 or 1 for hinge, got \[0.5\]"),
    ],
)
def test_targets_beyond_the_first_chunk_are_checked(loss, bad, message, monkeypatch):
    monkeypatch.setattr(checks, "CHUNK_NUMBERS", 8)
    for row in (0, 7, 8, 29, 30):
        y = np.ones((31, 1))
        y[row:] = bad
        with pytest.raises(ValueError, match=rf"{message} in row {row}$"):
            checks.targets(y, loss, 31, 1, np.float64)


@pytest.mark.parametrize(
    ("bad", "rule"), [(0.5, r"\(whole numbers\)"), (2, "from 0 to 1"), (-1, "from")]
)
def test_labels_beyond_the_first_chunk_are_checked(bad, rule, monkeypatch):
    monkeypatch.setattr(checks, "CHUNK_NUMBERS", 8)
    for row in (0, 7, 8, 30):
        y = np.ones(31)
        y[row:] = bad
        message = rf"^y must hold class indices {rule}.*, got {float(bad)} in row {row}$"
        with pytest.raises(ValueError, match=message):
            checks.targets(y, "cross_entropy", 31, 2, np.float64)


# A fit over rows that would not fit into the data that a process is allowed to hold. Pages of a
# shared map of a file do not count as such; anonymous memory does.
LIMITED = """
import resource, sys
import numpy as np
import fastbp as fb

path, dtype, width, n_rows = sys.argv[1], sys.argv[2], 500, 100_000
x = np.memmap(path, dtype, "r", shape=(n_rows, width))
net = fb.mlp([width, 2, 1])
status = open("/proc/self/status").read()
used = int(status.partition("VmData:")[2].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 40_000_000,) * 2)
try:
    np.array(x, np.float32)
except MemoryError:
    print("limited")
loss = net.fit(x, np.zeros(n_rows), "sgd", epochs=1, batch_size=10_000, progress=False).loss
print(np.isfinite(loss).all(), np.isfinite(net.evaluate(x[::2], np.zeros(n_rows // 2))))
"""


@pytest.mark.no_sanitizer("limits memory, of which a sanitizer maps more than there is")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's limit of data")
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])
def test_a_fit_takes_rows_that_are_larger_than_memory(dtype, tmp_path):
    x = np.memmap(tmp_path / "x", dtype, "w+", shape=(100_000, 500))
    x[::1000] = 1
    x.flush()
    answer = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "x"), dtype],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        cwd="/",
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["limited", "True", "True"]
    (tmp_path / "x").unlink()
