"""What save and load refuse: paths, metadata, and files that are no models."""

import io
import json
import math
import pickle

import numpy as np
import pytest
from refusal import make
from tolerance import assert_same_bits

import fastbp as fb

NAN, INF = math.nan, math.inf


def test_saving_to_a_folder_that_does_not_exist_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        make().save(tmp_path / "missing" / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_metadata_that_is_no_json_is_refused_and_the_old_file_stays(tmp_path):
    net = make()
    path = tmp_path / "model.npz"
    net.save(path)
    before = path.read_bytes()
    for value in (object(), NAN, {1, 2}, b"bytes"):
        net.metadata = {"key": value}
        with pytest.raises(ValueError, match=r"^metadata must hold JSON values only"):
            net.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_paths_of_wrong_type_are_refused():
    for path in (None, 3, 1.5, ["model"]):
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            make().save(path)
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            fb.load(path)


def test_a_file_that_is_not_there_is_not_a_bad_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fb.load(tmp_path / "model.npz")


def npz(**arrays):
    """Return the bytes of an .npz file."""
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    return memory.getvalue()


def npy(array):
    """Return the bytes of an .npy file."""
    memory = io.BytesIO()
    np.save(memory, array)
    return memory.getvalue()


class Explosive:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def header(**changes):
    """Return a header entry; a change to None leaves a key out."""
    description = {
        "n_in": 1,
        "layers": [{"units": 1, "activation": "identity", "bias": True, "init": "auto"}],
        "loss": "mse",
        "dtype": "float64",
        "seed": 0,
    }
    full = {"format": "fastbp-npz", "version": 1, "network": description, "metadata": {}}
    full.update(changes)
    text = json.dumps({key: value for key, value in full.items() if value is not None})
    return np.frombuffer(text.encode(), np.uint8)


def network_with(**changes):
    """Return a header whose network description is changed."""
    description = json.loads(bytes(header()))["network"]
    return header(network={**description, **changes})


TWO = np.zeros(2)
FILES = {
    "empty": b"",
    "text": b"hello, this is no model\n",
    "csv": b"a,b\n1,2\n",
    "pickle": pickle.dumps(Explosive()),
    "pickled network": pickle.dumps({"params": [1.0, 2.0]}),
    "zip": npz(other=TWO),
    "npy": npy(TWO),
    "pickle in npz": npz(header=np.array([Explosive()], object), params=TWO),
    "pickled params": npz(header=header(), params=np.array([None, None])),
    "no params": npz(header=header()),
    "no header": npz(params=TWO),
    "header no json": npz(header=np.frombuffer(b"{no", np.uint8), params=TWO),
    "header a list": npz(header=np.frombuffer(b"[1]", np.uint8), params=TWO),
    "header a number": npz(header=np.frombuffer(b"1", np.uint8), params=TWO),
    "header no text": npz(header=np.frombuffer(b"\xff\xfe\x00", np.uint8), params=TWO),
    "other format": npz(header=header(format="other"), params=TWO),
    "newer version": npz(header=header(version=99), params=TWO),
    "no network": npz(header=header(network=None), params=TWO),
    "network a list": npz(header=header(network=[1]), params=TWO),
    "no metadata": npz(header=header(metadata=None), params=TWO),
    "metadata a number": npz(header=header(metadata=3), params=TWO),
    "unknown activation": npz(
        header=network_with(layers=[{"units": 1, "activation": "x", "bias": True, "init": "auto"}]),
        params=TWO,
    ),
    "unknown layer key": npz(header=network_with(layers=[{"units": 1, "size": 3}]), params=TWO),
    "layer a number": npz(header=network_with(layers=[3]), params=TWO),
    "no layers": npz(header=network_with(layers=[]), params=TWO),
    "layers a number": npz(header=network_with(layers=3), params=TWO),
    "unknown loss": npz(header=network_with(loss="mad"), params=TWO),
    "loss that does not fit": npz(header=network_with(loss="cross_entropy"), params=TWO),
    "unknown dtype": npz(header=network_with(dtype="int8"), params=TWO),
    "units too many": npz(header=network_with(n_in=3), params=TWO),
    "too many params": npz(header=header(), params=np.zeros(3)),
    "params a matrix": npz(header=header(), params=np.zeros((1, 2))),
    "params text": npz(header=header(), params=np.array(["a", "b"])),
    "params complex": npz(header=header(), params=np.zeros(2, complex)),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_what_is_no_model_file_is_refused_as_such(content, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(fb.FileFormatError, match=r"^model\.npz "):
        fb.load(path)
    assert issubclass(fb.FileFormatError, ValueError)


def test_the_header_of_these_tests_is_that_of_a_real_file(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(npz(header=header(), params=np.array([2.0, 1.0])))
    assert fb.load(path).predict([[3.0]]).tolist() == [[7.0]]


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path):
    path = tmp_path / "model.npz"
    make().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(fb.FileFormatError):
            fb.load(path)


def test_a_damaged_file_is_refused_or_loads_unharmed(tmp_path):
    path = tmp_path / "model.npz"
    net = make()
    net.save(path)
    whole = bytearray(path.read_bytes())
    refused = 0
    for place in range(0, len(whole), 5):
        damaged = whole.copy()
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        try:
            found = fb.load(path)
        except fb.FileFormatError:
            refused += 1
        else:  # the byte was one that the reader does not need, such as a date
            assert_same_bits(found.params, net.params)
    assert refused > len(whole) / 5 / 2
