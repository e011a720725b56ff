"""Files that earlier releases wrote load bit for bit, and are what docs/format.md says."""

import hashlib
import json
import struct
from pathlib import Path

import modelfile
import numpy as np
import pytest
from fuzz.resuming import Resumer
from strategies import EVERY_ACTIVATION, EVERY_LOSS

import fastbp as fb
from fastbp import checkpoints, files, preprocessing, spec
from fastbp.names import plain
from fastbp.optimizers import BY_NAME

FOLDER = Path(__file__).with_name("models") / "1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
with np.load(FOLDER / "expected.npz") as archive:
    ARRAYS = {name: archive[name] for name in archive.files}
CHECKPOINTS = [name for name in EXPECTED if name.startswith("checkpoint-")]
BITS = {"float32": np.uint32, "float64": np.uint64}


def path_of(name):
    return FOLDER / f"{name}.fastbp"


def kept(name, part):
    return ARRAYS[f"{name}/{part}"]


def assert_bits(found, name, part="params"):
    expected = kept(name, part)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.tobytes() == expected.tobytes(), (name, part)


def test_no_file_is_missing_unlisted_or_changed():
    assert {path.stem for path in FOLDER.glob("*.fastbp")} == set(EXPECTED)
    for name, expected in EXPECTED.items():
        assert hashlib.sha256(path_of(name).read_bytes()).hexdigest() == expected["sha256"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


def test_nothing_that_a_file_may_say_is_left_out():
    networks = [entry["network"] for entry in EXPECTED.values()]
    layers = [layer for network in networks for layer in network["layers"]]
    assert {layer["activation"] for layer in layers} >= set(EVERY_ACTIVATION)
    assert {network["loss"] for network in networks} >= set(EVERY_LOSS)
    assert {network["dtype"] for network in networks} == set(spec.DTYPES)
    assert {plain(layer["norm"] or "none") for layer in layers} == {*spec.NORMS, "none"}
    for name in ("bias", "residual", "trainable", "transposed"):
        assert {layer[name] for layer in layers} == {True, False}, name
    assert {layer["tied_to"] is None for layer in layers} == {True, False}
    assert {layer["dropout"] > 0 for layer in layers} == {True, False}
    assert {network["seed"] is None for network in networks} == {True, False}
    trained = [files.read(path_of(name)).training["ground"]["optimizer"] for name in CHECKPOINTS]
    assert set(trained) == {kind.__name__ for kind in BY_NAME.values()}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_reader_made_from_the_page_alone_reads_them(name):
    header, arrays = modelfile.read(path_of(name).read_bytes())
    expected = EXPECTED[name]
    assert header["network"] == expected["network"]
    assert header["metadata"] == expected["metadata"]
    assert header["tensors"][0]["dtype"] == kept(name, "params").dtype
    assert arrays["params"] == kept(name, "params").tobytes()
    if name not in CHECKPOINTS:
        assert header["training"] is None
        return
    training = header["training"]
    assert {part: training["place"][part] for part in expected["place"]} == expected["place"]
    assert training["columns"] == expected["columns"]
    for place, values in enumerate(kept(name, "history")):
        assert arrays[f"history.{place}"] == values.tobytes()
    for part in ("hyper", "clock", "slots"):
        assert arrays[part] == kept(name, part).tobytes(), part


@pytest.mark.parametrize("name", EXPECTED)
def test_every_file_loads_bit_for_bit(name, tmp_path):
    net = fb.load(path_of(name))
    expected = EXPECTED[name]
    assert_bits(net.params, name)
    assert net.file_contents().network == expected["network"]
    assert net.metadata == expected["metadata"]
    net.save(tmp_path / "again.fastbp")
    if name not in CHECKPOINTS:
        assert (tmp_path / "again.fastbp").read_bytes() == path_of(name).read_bytes()


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_checkpoint_holds_the_state_and_goes_on(name):
    state, expected = checkpoints.read(path_of(name)), EXPECTED[name]
    assert_bits(state.params, name)
    for part in ("hyper", "clock", "slots"):
        assert_bits(getattr(state, part), name, part)
    place = state.place._asdict()
    assert {part: place[part] for part in expected["place"]} == expected["place"]
    assert list(state.history) == expected["columns"]
    columns = np.array(list(state.history.values())).reshape(kept(name, "history").shape)
    assert columns.tobytes() == kept(name, "history").tobytes()
    assert (state.best is None) == (place["epoch"] == 0)

    history = Resumer(path_of(name)).fit(path_of(name), place["epoch"] + 1)
    for column, values in state.history.items():
        assert history[column][: place["epoch"]] == values
    assert len(history.loss) == place["epoch"] + 1


def test_special_numbers_keep_their_bits():
    for dtype, bits in BITS.items():
        found = fb.load(path_of(f"special-{dtype}")).params.view(bits)
        expected = kept(f"special-{dtype}", "params").view(bits)
        assert found.tolist() == expected.tolist()
        assert len(set(found[[0, 7, 8]].tolist())) == 3, "NaN of three kinds"


PREPARED = FOLDER.with_name("2")
WITH = json.loads((PREPARED / "expected.json").read_text(encoding="utf-8"))
with np.load(PREPARED / "expected.npz") as archive:
    PARAMS = {name.partition("/")[0]: archive[name] for name in archive.files}


def test_no_file_with_preprocessing_is_missing_unlisted_or_changed():
    assert {path.stem for path in PREPARED.glob("*.fastbp")} == set(WITH)
    for name, expected in WITH.items():
        data = (PREPARED / f"{name}.fastbp").read_bytes()
        assert hashlib.sha256(data).hexdigest() == expected["sha256"]
        assert data[8] == 2
    kinds = {one["kind"] for e in WITH.values() for one in e["preprocessing"].values() if one}
    assert kinds == set(preprocessing.KINDS)


@pytest.mark.parametrize("name", WITH)
def test_files_with_preprocessing_load_bit_for_bit(name, tmp_path):
    path, expected = PREPARED / f"{name}.fastbp", WITH[name]
    net = fb.load(path)
    assert net.params.tobytes() == PARAMS[name].tobytes()
    assert net.file_contents().network == expected["network"]
    for side, wanted in expected["preprocessing"].items():
        found = getattr(net, side)
        assert (None if found is None else found.to_dict()) == wanted
    net.save(tmp_path / "again.fastbp")
    if name != "prepared-checkpoint":
        assert (tmp_path / "again.fastbp").read_bytes() == path.read_bytes()
    else:
        state = checkpoints.read(path)
        assert state.sides == (net.inputs, net.targets)


@pytest.mark.parametrize("name", WITH)
def test_a_reader_made_from_the_page_alone_reads_preprocessing(name):
    header, arrays = modelfile.read((PREPARED / f"{name}.fastbp").read_bytes())
    for side, wanted in WITH[name]["preprocessing"].items():
        found = header["preprocessing"][side]
        if wanted is None:
            assert found is None
            continue
        numbers = {}
        for part in ("mean", "deviation"):
            if f"{side}.{part}" in arrays:
                data = arrays[f"{side}.{part}"]
                numbers[part] = list(struct.unpack(f"<{len(data) // 8}d", data))
        assert {**found, **numbers} == wanted
