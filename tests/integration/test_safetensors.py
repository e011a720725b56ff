"""Networks through safetensors files, and what such a file may not be."""

import json

import numpy as np
import pytest
from exchange import arguments, both_dtypes, fill, layered, random_network
from structures import STRUCTURES, structure
from tolerance import assert_same_bits

import fastbp as fb

pytest.importorskip("safetensors")

import safetensors.numpy

from fastbp.integrations.safetensors import load_safetensors, save_safetensors

SMALL = [fb.Dense(3, "tanh"), fb.Dense(2)]


def small(dtype="float64"):
    return fill(fb.Network(4, SMALL, dtype=dtype))


@both_dtypes
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_network_comes_back_bit_for_bit(tmp_path, name, dtype):
    net = fill(structure(fb, name, dtype), 5)
    net.metadata = {"classes": ["a", "ä"], "scale": 0.1}
    save_safetensors(net, tmp_path / "model.safetensors")
    back = load_safetensors(str(tmp_path / "model.safetensors"))
    assert arguments(back) == arguments(net)
    assert (back.seed, back.metadata) == (net.seed, net.metadata)
    assert_same_bits(back.params, net.params, "params")
    x = np.linspace(-1, 1, 3 * net.sizes[0]).reshape(3, -1)
    assert_same_bits(back.predict(x), net.predict(x), "predictions")


def test_random_networks_come_back_bit_for_bit(tmp_path):
    for seed in range(40):
        net = random_network(seed, ("float32", "float64")[seed % 2])
        save_safetensors(net, tmp_path / "model.safetensors")
        back = load_safetensors(tmp_path / "model.safetensors")
        assert arguments(back) == arguments(net)
        assert_same_bits(back.params, net.params, "params")


def test_the_package_itself_reads_the_arrays_by_their_names(tmp_path):
    net = layered("tanh", "float32")
    save_safetensors(net, tmp_path / "model.safetensors")
    found = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    wanted = {}
    for part, views in (("weight", net.weights), ("bias", net.biases)):
        wanted |= {f"layers.{i}.{part}": view for i, view in enumerate(views)}
    wanted |= {f"layers.{i}.scale": net.scales[i] for i in (1, 2, 3)}
    wanted |= {f"layers.{i}.shift": net.shifts[i] for i in (1, 2, 3)}
    wanted |= {"layers.2.mean": net.means[2], "layers.2.variance": net.variances[2]}
    assert wanted.pop("layers.1.bias") is None
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert_same_bits(found[name], np.ascontiguousarray(array), name)


def test_a_tied_layer_has_no_weight_of_its_own(tmp_path):
    save_safetensors(structure(fb, "tied-transposed"), tmp_path / "model.safetensors")
    names = safetensors.numpy.load_file(tmp_path / "model.safetensors").keys()
    assert names == {"layers.0.weight", "layers.0.bias", "layers.1.bias"}


@pytest.mark.parametrize("theirs", ["float16", "float32", "float64"])
@both_dtypes
def test_arrays_of_another_program_fill_a_network(tmp_path, dtype, theirs):
    rng = np.random.default_rng(0)
    arrays = {
        "fc1.weight": rng.normal(size=(3, 4)).astype(theirs),
        "fc1.bias": rng.normal(size=3).astype(theirs),
        "layers.1.weight": rng.normal(size=(2, 3)).astype(theirs),
        "fc2.bias": rng.normal(size=2).astype(theirs),
    }
    safetensors.numpy.save_file(arrays, tmp_path / "model.safetensors", {"format": "pt"})
    names = {
        f"layers.{i}.{part}": f"fc{i + 1}.{part}" for i in (0, 1) for part in ("weight", "bias")
    }
    names.pop("layers.1.weight")
    net = small(dtype)
    assert load_safetensors(tmp_path / "model.safetensors", net, names) is net
    for index in (0, 1):
        weight = arrays[names.get(f"layers.{index}.weight", "layers.1.weight")]
        assert_same_bits(np.ascontiguousarray(net.weights[index]), weight.astype(dtype))
        assert_same_bits(net.biases[index], arrays[f"fc{index + 1}.bias"].astype(dtype))


def test_a_described_file_fills_a_network_too(tmp_path):
    save_safetensors(small(), tmp_path / "model.safetensors")
    net = fb.Network(4, SMALL, "huber", dtype="float32", seed=7)
    load_safetensors(tmp_path / "model.safetensors", into=net)
    assert_same_bits(net.params, small().params.astype(np.float32))
    assert net.loss == "huber"


def header(**changes):
    """Return the metadata of a file of small(); a change to None leaves a key out."""
    found = {"version": 1, "network": small().file_contents().network, "metadata": {}, **changes}
    return {"fastbp": json.dumps({k: v for k, v in found.items() if v is not None})}


def network(**changes):
    return header(network={**small().file_contents().network, **changes})


def arrays(**changes):
    net = small()
    found = {}
    for index in (0, 1):
        found[f"layers.{index}.weight"] = np.ascontiguousarray(net.weights[index])
        found[f"layers.{index}.bias"] = net.biases[index].copy()
    found |= {name.replace("_", "."): array for name, array in changes.items()}
    return {name: array for name, array in found.items() if array is not None}


def file(arrays, metadata):
    return safetensors.numpy.save(arrays, metadata)


def layer(**changes):
    layers = small().file_contents().network["layers"]
    return network(layers=[{**layers[0], **changes}, layers[1]])


BIAS = {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}


def raw(**entries):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24)


BAD = {
    "empty": b"",
    "text": b"this is no model, not at all\n",
    "zeros": bytes(64),
    "endless header": b"\xff" * 64,
    "overlong array": raw(**{"layers.0.bias": {**BIAS, "data_offsets": [0, 2**40]}}),
    "shape unlike the bytes": raw(**{"layers.0.bias": {**BIAS, "shape": [4]}}),
    "unknown dtype": raw(**{"layers.0.bias": {**BIAS, "dtype": "Q9"}}),
    "no description": file(arrays(), None),
    "description of another program": file(arrays(), {"format": "pt"}),
    "no JSON": file(arrays(), {"fastbp": "{no"}),
    "a list": file(arrays(), {"fastbp": "[1]"}),
    "a number": file(arrays(), {"fastbp": "1"}),
    "deep": file(arrays(), {"fastbp": "[" * 100_000 + "]" * 100_000}),
    "newer": file(arrays(), header(version=2)),
    "no version": file(arrays(), header(version=None)),
    "no network": file(arrays(), header(network=None)),
    "network a list": file(arrays(), header(network=[1])),
    "no metadata": file(arrays(), header(metadata=None)),
    "metadata a number": file(arrays(), header(metadata=3)),
    "no layers": file({"a": np.zeros(1)}, network(layers=[])),
    "layers a number": file(arrays(), network(layers=3)),
    "layer a number": file(arrays(), network(layers=[3])),
    "unknown layer argument": file(arrays(), layer(size=3)),
    "unknown activation": file(arrays(), layer(activation="mystery")),
    "activation a number": file(arrays(), layer(activation=3)),
    "norm a number": file(arrays(), layer(norm=3)),
    "unknown loss": file(arrays(), network(loss="mystery")),
    "loss that does not fit": file(arrays(), network(loss="cross_entropy")),
    "unknown dtype of the network": file(arrays(), network(dtype="int8")),
    "dtype a list": file(arrays(), network(dtype=["float64"])),
    "other dtype of the network": file(arrays(), network(dtype="float32")),
    "units too many": file(arrays(), layer(units=4)),
    "units endless": file(arrays(), layer(units=10**15)),
    "inputs endless": file(arrays(), network(n_in=10**15)),
    "units a text": file(arrays(), layer(units="3")),
    "units a fraction": file(arrays(), layer(units=3.0)),
    "array too many": file(arrays(more=np.zeros(1)), header()),
    "array missing": file(arrays(layers_1_bias=None), header()),
    "array transposed": file(arrays(layers_1_weight=np.zeros((3, 2))), header()),
    "array of integers": file(arrays(layers_1_bias=np.zeros(2, int)), header()),
    "one array float32": file(arrays(layers_1_bias=np.zeros(2, np.float32)), header()),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_describes_no_network_is_refused_as_such(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(fb.FileFormatError, match=r"^model\.safetensors "):
        load_safetensors(path)


def test_the_files_of_these_tests_are_real_but_for_their_fault(tmp_path):
    path = tmp_path / "model.safetensors"
    for metadata in (header(), network(), layer()):
        path.write_bytes(file(arrays(), metadata))
        assert_same_bits(load_safetensors(path).params, small().params)


BAD_TO_FILL = {
    "empty": b"",
    "array missing": file(arrays(layers_1_bias=None), None),
    "array too many": file(arrays(layers_2_bias=np.zeros(1)), None),
    "last array of another shape": file(arrays(layers_1_bias=np.zeros(3)), None),
    "last array of integers": file(arrays(layers_1_bias=np.zeros(2, int)), None),
}


@pytest.mark.parametrize("content", BAD_TO_FILL.values(), ids=BAD_TO_FILL)
def test_a_file_that_does_not_fit_leaves_the_network_as_it_is(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    net = fb.Network(4, SMALL, dtype="float64", seed=9)
    before = net.params.copy()
    with pytest.raises(fb.FileFormatError, match=r"^model\.safetensors "):
        load_safetensors(path, into=net)
    assert_same_bits(net.params, before)


def test_a_truncated_or_damaged_file_is_refused_or_unharmed(tmp_path):
    path = tmp_path / "model.safetensors"
    net = small()
    save_safetensors(net, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(fb.FileFormatError):
            load_safetensors(path)
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        try:
            found = load_safetensors(path)
        except fb.FileFormatError:
            continue
        # There is no checksum: what loads has the right arrays, whatever their numbers are.
        assert found.params.shape == net.params.shape


def test_a_custom_activation_must_be_registered_first(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(file(arrays(), layer(activation="later_tanh")))
    with pytest.raises(fb.FileFormatError, match=r"register_activation\('later_tanh'"):
        load_safetensors(path)
    fb.register_activation("later_tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    net = load_safetensors(path)
    assert net.layers[0].activation == "later_tanh"
    x = [[0.1, 0.2, 0.3, 0.4]]
    np.testing.assert_allclose(net.predict(x), small().predict(x), rtol=1e-12)


def test_metadata_that_is_no_json_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "model.safetensors"
    save_safetensors(small(), path)
    before = path.read_bytes()
    net = small()
    for value in (object(), float("nan"), {1, 2}):
        net.metadata = {"key": value}
        with pytest.raises(ValueError, match=r"^metadata must hold JSON values only"):
            save_safetensors(net, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(OSError, match="model"):
        save_safetensors(small(), tmp_path / "model")
    assert [item.name for item in tmp_path.iterdir()] == ["model"]


def test_wrong_arguments_are_named(tmp_path):
    path = tmp_path / "model.safetensors"
    for wrong in (None, 3):
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            save_safetensors(small(), wrong)
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            load_safetensors(wrong)
    with pytest.raises(TypeError, match=r"^net must be a fastbp\.Network, got 3"):
        save_safetensors(3, path)
    with pytest.raises(FileNotFoundError):
        load_safetensors(path)
    with pytest.raises(IsADirectoryError):
        load_safetensors(tmp_path)
    save_safetensors(small(), path)
    with pytest.raises(TypeError, match=r"^into must be a fastbp\.Network, got 3"):
        load_safetensors(path, into=3)
    with pytest.raises(ValueError, match=r"^names must come with into"):
        load_safetensors(path, names={"layers.0.bias": "b"})
    with pytest.raises(ValueError, match=r"^names must have keys of the network .* got \['bias'\]"):
        load_safetensors(path, small(), {"bias": "b"})
    with pytest.raises(TypeError, match=r"^names must be a mapping"):
        load_safetensors(path, small(), ["b"])
    with pytest.raises(fb.FileFormatError, match=r"got no other"):
        load_safetensors(path, small(), {"layers.0.bias": "other"})
