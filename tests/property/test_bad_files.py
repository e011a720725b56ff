"""What save and load refuse: paths, metadata, and files that are no models."""

import json
import math
import os
import re
import socket
import sys

import modelfile
import numpy as np
import pytest
from refusal import make
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import custom, files

NAN, INF = math.nan, math.inf


def test_saving_to_a_folder_that_does_not_exist_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        make().save(tmp_path / "missing" / "model.fastbp")
    assert list(tmp_path.iterdir()) == []


def nested(depth):
    value = "end"
    for _ in range(depth):
        value = [value]
    return value


CIRCLE = []
CIRCLE.append(CIRCLE)
NOT_KEPT = {
    "object": object(),
    "nan": NAN,
    "infinity": [1.0, -INF],
    "set": {1, 2},
    "bytes": b"bytes",
    "half a surrogate pair": "\ud800",
    "two keys that are one": {1: "a", "1": "b"},
    "an integer too large": 2**128,
    "a huge integer": 10**6000,
    "too deep": nested(63),
    "far too deep": nested(100_000),
    "a circle": CIRCLE,
}


@pytest.mark.parametrize("value", NOT_KEPT.values(), ids=NOT_KEPT)
def test_metadata_that_is_no_json_is_refused_and_the_old_file_stays(value, tmp_path):
    net = make()
    path = tmp_path / "model.fastbp"
    net.save(path)
    before = path.read_bytes()
    net.metadata = {"key": value}
    with pytest.raises(ValueError, match=r"^metadata must hold JSON values only"):
        net.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * (1 << 20), "at most 1048576 bytes, got "),
        (["x" * 60] * 20_000, "at most 1048576 bytes, got "),
        ([0] * 32_769, "at most 32768 values, got 327"),
    ],
    ids=["text", "texts", "values"],
)
def test_metadata_past_the_limits_are_refused_by_name(value, message, tmp_path):
    net = make()
    net.metadata = {"key": value}
    begin = "^metadata must (leave the header within its limits|hold JSON values only): JSON must"
    with pytest.raises(ValueError, match=f"{begin} have {message}"):
        net.save(tmp_path / "model.fastbp")
    assert list(tmp_path.iterdir()) == []


def test_a_header_just_too_long_names_its_largest_part(tmp_path):
    net = make()
    net.metadata = {"key": "x" * ((1 << 20) - 300)}
    with pytest.raises(ValueError, match=r"^metadata must leave the header within its limits"):
        net.save(tmp_path / "model.fastbp")


KEPT = {
    "texts": {"ü": '\U0001f600 \x00 " \\ ] } , [ {', "": "\u2028"},
    "numbers": [2**128 - 1, -(2**128 - 1), 5e-324, -1.7976931348623157e308, 0.1, -0.0],
    "deep": nested(62),
    "brackets in a text": '"[{' * 1000 + "\\",
    "long": "x" * 1_000_000,
    "many": [[]] * 16_000,
    "keys": {str(i): None for i in range(10_000)},
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_metadata_within_the_limits_come_back(value, tmp_path):
    net = make()
    net.metadata = {"key": value}
    net.save(tmp_path / "model.fastbp")
    found = fb.load(tmp_path / "model.fastbp").metadata
    assert found == net.metadata
    assert json.dumps(found) == json.dumps(net.metadata), "-0.0 and the order of keys too"


def test_paths_of_wrong_type_are_refused():
    for path in (None, 3, 1.5, ["model"]):
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            make().save(path)
        with pytest.raises(TypeError, match=r"^path must be a string or a path, got"):
            fb.load(path)


def test_a_file_that_is_not_there_is_not_a_bad_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fb.load(tmp_path / "model.fastbp")


def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    link = tmp_path / "link"
    link.symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        for path, kind in {
            tmp_path: "a folder",
            ".": "a folder",
            "fifo": "a pipe",
            link: "a pipe",
            "/dev/zero": "a character device",
            "/dev/null": "a character device",
            "socket": "a socket",
        }.items():
            with pytest.raises(fb.FileFormatError, match=f"is not a fastbp model: it is {kind}$"):
                fb.load(path)


LAYER = {
    "units": 1,
    "activation": "identity",
    "bias": True,
    "dropout": 0.0,
    "init": "auto",
    "norm": None,
    "residual": False,
    "trainable": True,
    "tied_to": None,
    "transposed": False,
}
NETWORK = {"n_in": 1, "layers": [LAYER], "loss": "mse", "dtype": "float64", "seed": 0}
PARAMS = {"name": "params", "dtype": "float64", "shape": [2]}
HEADER = {"network": NETWORK, "metadata": {}, "training": None, "tensors": [PARAMS]}
TWO = modelfile.numbers("float64", [2.0, 1.0])
GIANT = 2**31


def changed(header, **changes):
    """Return a header with changed keys; a change to Ellipsis leaves a key out."""
    return {key: value for key, value in {**header, **changes}.items() if value is not ...}


def with_network(**changes):
    return modelfile.packed(changed(HEADER, network=changed(NETWORK, **changes)), [TWO])


def with_layer(**changes):
    return with_network(layers=[changed(LAYER, **changes)])


def with_params(data=TWO, **changes):
    return modelfile.packed(changed(HEADER, tensors=[changed(PARAMS, **changes)]), [data])


def with_header(**changes):
    return modelfile.packed(changed(HEADER, **changes), [TWO])


def with_text(old, new):
    """Return a file whose header's text is changed once, as JSON or not."""
    text = modelfile.text_of(HEADER)
    assert old in text
    return modelfile.packed(text.replace(old, new, 1), [TWO])


WHOLE = modelfile.packed(HEADER, [TWO])
OTHER = {"name": "other", "dtype": "float64", "shape": [2]}


def overwritten(place, value):
    """Return a file with other bytes at a place, and the right hash."""
    body = bytearray(WHOLE[:-32])
    body[place : place + len(value)] = value
    return modelfile.sealed(bytes(body))


# Name: (file, a part of what is said of it).
FILES = {
    "no header": (modelfile.packed(b"", [TWO]), "JSON|Expecting value"),
    "header no json": (with_text(b"{", b"{no"), "Expecting"),
    "header a list": (modelfile.packed([1], [TWO]), "header must be an object"),
    "header a number": (modelfile.packed(1, [TWO]), "header must be an object"),
    "header no text": (modelfile.packed(b"\xff\xfe\x00", [TWO]), "utf-8"),
    "two headers": (with_text(b"{", b"{}{"), "Extra data"),
    "byte order mark": (with_text(b"{", b"\xef\xbb\xbf{"), "header cannot be read"),
    "key twice": (with_text(b'"seed":0', b'"seed":0,"seed":0'), "each key once"),
    "part twice": (with_text(b'"metadata":{}', b'"metadata":{},"metadata":{}'), "each key once"),
    "nan": (with_text(b'"metadata":{}', b'"metadata":{"a":NaN}'), "finite, got NaN"),
    "infinity": (with_text(b'"metadata":{}', b'"metadata":{"a":-Infinity}'), "finite"),
    "twice too large": (
        with_text(b'"metadata":{}', b'"metadata":{"a":' + b"9" * 310 + b".0}"),
        "finite",
    ),
    "too large a number": (with_text(b'"metadata":{}', b'"metadata":{"a":1e999}'), "finite"),
    "huge integer": (with_text(b'"seed":0', b'"seed":' + b"9" * 5000), "2\\*\\*128"),
    "half a pair": (with_text(b'"metadata":{}', b'"metadata":{"a":"\\ud800"}'), "surrogates"),
    "half a pair as a key": (with_text(b'"metadata":{}', b'"metadata":{"\\uDFFF":1}'), "surrog"),
    "control character": (with_text(b'"metadata":{}', b'"metadata":{"a":"\n"}'), "control"),
    "deep": (with_text(b"{}", b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"), "at most 64 deep, got 65"),
    "deeper than a stack": (
        modelfile.packed(b"[" * 500_000, [TWO]),
        "JSON must have at most 32768",
    ),
    "deep enough for a stack": (modelfile.packed(b"[" * 30_000, [TWO]), "at most 64 deep"),
    "deep behind a text": (
        modelfile.packed(b'{"\\\\\\"[":' * 99, [TWO]),
        "at most 64 deep, got 99",
    ),
    "many values": (modelfile.packed(b"[" + b"0," * 100_000 + b"0]", [TWO]), "32768 values"),
    "long header": (modelfile.packed(b" " * (1 << 20) + b"1", [TWO]), "at most 1048576 bytes"),
    "header behind the end": (modelfile.packed(HEADER, [TWO], header_length=5000), "end within"),
    "header too short": (
        modelfile.packed(HEADER, [TWO], header_length=20),
        "header cannot be read",
    ),
    "newer version": (
        modelfile.packed(HEADER, [TWO], version=3),
        r"it was written by a newer fastbp: format version 3, this one reads up to 2$",
    ),
    "no version": (modelfile.packed(HEADER, [TWO], version=0), "at least 1, got 0"),
    "length too small": (modelfile.packed(HEADER, [TWO], length=24), "length must be 24 bytes"),
    "length too large": (modelfile.packed(HEADER, [TWO], length=2**63), "length must be"),
    "another hash": (WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]), "SHA-256"),
    "another number": (WHOLE[:-40] + b"\1" + WHOLE[-39:], "SHA-256"),
    "padding": (overwritten(-64 + len(WHOLE) - 32 + 20, b"\1"), "must be 0"),
    "padding before an array": (overwritten(24 + len(modelfile.text_of(HEADER)), b"\1"), "be 0"),
    "no network": (with_header(network=...), "network missing"),
    "network a list": (with_header(network=[1]), "network must be an object"),
    "no metadata": (with_header(metadata=...), "metadata missing"),
    "metadata a number": (with_header(metadata=3), "metadata must be an object"),
    "metadata none": (with_header(metadata=None), "metadata must be an object"),
    "training a number": (with_header(training=3), "training must be an object"),
    "another part": (with_header(code="x"), "code unknown"),
    "unknown activation": (with_layer(activation="x y"), "activation must be one of"),
    "unregistered activation": (with_layer(activation="mine"), "activation 'mine'.*not built in"),
    "unknown layer key": (with_layer(size=3), "size unknown"),
    "missing layer key": (with_layer(dropout=...), "dropout missing"),
    "layer a number": (with_network(layers=[3]), "each of layers must be an object"),
    "no layers": (with_network(layers=[]), "at least 1 Dense"),
    "many layers": (with_network(layers=[LAYER] * 1025), "at most 1024 items, got 1025"),
    "layers a number": (with_network(layers=3), "layers must be a list"),
    "units a text": (with_layer(units="1"), "units must be an integer"),
    "units true": (with_layer(units=True), "units must be an integer"),
    "units a fraction": (with_layer(units=1.0), "units must be an integer"),
    "no units": (with_layer(units=0), "units must be at least 1"),
    "negative units": (with_layer(units=-1), "units must be at least 1"),
    "giant units": (with_layer(units=GIANT), f"must hold {2 * GIANT} numbers"),
    "units past every integer": (with_layer(units=2**127), f"units must be at most {2**63 - 1}"),
    "giant inputs": (with_network(n_in=GIANT), f"must hold {GIANT + 1} numbers"),
    "bias none": (with_layer(bias=None), "bias must be True or False"),
    "dropout a text": (with_layer(dropout="0"), "dropout must be a number"),
    "dropout a list": (with_layer(dropout=[]), "dropout must be a number"),
    "init a list": (with_layer(init=[[1.0]]), "init must be a string"),
    "init none": (with_layer(init=None), "init must be a string"),
    "unknown init": (with_layer(init="random"), "init must be one of"),
    "activation a list": (with_layer(activation=["relu"]), "activation must be a string"),
    "long name": (with_layer(activation="a" * 129), "1 to 128 letters, got 129"),
    "norm a number": (with_layer(norm=1), "norm must be a string"),
    "tied to itself": (with_layer(tied_to=0), "tied_to of layers"),
    "tied to a giant": (with_layer(tied_to=2**100), "tied_to must be at most"),
    "unknown loss": (with_network(loss="mad e"), "loss must be one of"),
    "unregistered loss": (with_network(loss="mad"), "loss 'mad', which is not built in"),
    "loss none": (with_network(loss=None), "loss must be a string"),
    "loss that does not fit": (with_network(loss="cross_entropy"), "must have output 'softmax'"),
    "unknown dtype": (with_network(dtype="int8"), "network's dtype, 'int8'"),
    "other dtype": (with_network(dtype="float32"), "network's dtype"),
    "seed a fraction": (with_network(seed=0.5), "seed must be an integer"),
    "negative seed": (with_network(seed=-1), "seed must be at least 0"),
    "seed missing": (with_network(seed=...), "seed missing"),
    "units too many": (with_network(n_in=3), "must hold 4 numbers"),
    "too many params": (
        with_params(TWO + TWO[:8], shape=[3]),
        r"params must hold 2 numbers \(network sizes 1-1\), got 3",
    ),
    "no params": (modelfile.packed(changed(HEADER, tensors=[]), []), "first array must be params"),
    "params of another name": (with_params(name="weights"), "first array must be params"),
    "params a matrix": (with_params(shape=[1, 2]), "of one dimension"),
    "params of three dimensions": (with_params(shape=[1, 1, 2]), "at most 2 items"),
    "params a scalar": (with_params(TWO[:8], shape=[]), "of one dimension"),
    "params text": (with_params(dtype="<U1"), "dtype of tensor 'params' must be one of"),
    "params complex": (with_params(dtype="complex64"), "dtype of tensor"),
    "params objects": (with_params(dtype="object"), "dtype of tensor"),
    "params of a list of types": (with_params(dtype=["float64"]), "dtype of tensor"),
    "shape none": (with_params(shape=None), "shape of a tensor must be a list"),
    "shape a text": (with_params(shape=["2"]), "must hold integers"),
    "shape true": (with_params(TWO[:8], shape=[True]), "must hold integers"),
    "shape negative": (with_params(shape=[-2]), "must hold integers"),
    "shape giant": (with_params(shape=[GIANT]), "must end with the file"),
    "shape past 64 bits": (with_params(shape=[2**64 + 2]), "must hold integers"),
    "shape that wraps around": (with_params(shape=[2**61 + 2]), "must end with the file"),
    "product that wraps around": (with_params(shape=[2**32, 2**32]), "of one dimension"),
    "shape too small": (with_params(shape=[1]), "^(?!.*SHA)"),
    "array and no fit": (
        modelfile.packed(changed(HEADER, tensors=[PARAMS, OTHER]), [TWO, TWO]),
        "no arrays but params",
    ),
    "array twice": (
        modelfile.packed(changed(HEADER, training={}, tensors=[PARAMS, PARAMS]), [TWO, TWO]),
        "each name once",
    ),
    "array that is not there": (
        modelfile.packed(changed(HEADER, training={}, tensors=[PARAMS, OTHER]), [TWO]),
        "must end with the file",
    ),
    "array that is not listed": (modelfile.packed(HEADER, [TWO, TWO]), "must end with the file"),
    "many arrays": (
        modelfile.packed(
            changed(
                HEADER,
                training={},
                tensors=[PARAMS, *(changed(OTHER, name=f"a{i}", shape=[0]) for i in range(1024))],
            ),
            [TWO],
        ),
        "at most 1024 items, got 1025",
    ),
    "array without a name": (with_params(name=""), "1 to 128 letters"),
    "array with a long name": (with_params(name="a" * 129), "1 to 128 letters"),
    "empty array too wide": (
        modelfile.packed(
            changed(HEADER, training={}, tensors=[PARAMS, changed(OTHER, shape=[0, 2**62])]),
            [TWO],
        ),
        "array is too big|Maximum allowed|load",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_model_file_is_refused_as_such(name, tmp_path):
    content, message = FILES[name]
    path = tmp_path / "model.fastbp"
    path.write_bytes(content)
    if name == "empty array too wide":
        files.read(path, only_params=True)
        load = files.read
    else:
        load = fb.load
    with pytest.raises(fb.FileFormatError, match=r"^model\.fastbp ") as caught:
        load(path)
    assert re.search(message, str(caught.value))
    # Names that other tests have registered are listed too.
    assert len(str(caught.value)) < 600 + sum(len(name) + 4 for name in custom.ACTIVATIONS)
    assert issubclass(fb.FileFormatError, ValueError)


def test_the_file_of_these_tests_is_a_real_one(tmp_path):
    path = tmp_path / "model.fastbp"
    path.write_bytes(WHOLE)
    net = fb.load(path)
    assert net.predict([[3.0]]).tolist() == [[7.0]]
    net.save(path)
    assert path.read_bytes() == WHOLE


def test_json_may_be_written_in_other_ways(tmp_path):
    text = json.dumps(HEADER, indent=3, sort_keys=True).replace('"mse"', '"\\u006dse"')
    (tmp_path / "model.fastbp").write_bytes(modelfile.packed(text.encode(), [TWO]))
    assert fb.load(tmp_path / "model.fastbp").predict([[3.0]]).tolist() == [[7.0]]


def test_a_recursion_limit_of_the_users_own_lets_no_deep_file_through(tmp_path):
    path = tmp_path / "model.fastbp"
    path.write_bytes(modelfile.packed(b"[" * 30_000, [TWO]))
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(10**6)
        with pytest.raises(fb.FileFormatError, match="at most 64 deep"):
            fb.load(path)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("size", [5, 40_000], ids=["small", "large"])
@pytest.mark.parametrize("way", ["longer", "shorter"])
def test_a_file_that_changes_while_it_is_read_is_refused(size, way, tmp_path, monkeypatch):
    path = tmp_path / "model.fastbp"
    fb.mlp([3, size, 2]).save(path)
    whole = path.read_bytes()
    decode = files.header.decode

    def change(raw, version):
        with path.open("r+b") as file:
            file.truncate(len(whole) + 64 if way == "longer" else len(whole) - 64)
        return decode(raw, version)

    monkeypatch.setattr(files.header, "decode", change)
    with pytest.raises(fb.FileFormatError, match="must stay as it is while it is read"):
        fb.load(path)


def test_a_large_file_is_read_and_hashed_in_parts(tmp_path):
    path = tmp_path / "model.fastbp"
    net = fb.mlp([3, 40_000, 2], dtype="float32")
    net.save(path)
    whole = path.read_bytes()
    assert len(whole) > 3 * files.CHUNK_BYTES
    assert_same_bits(fb.load(path).params, net.params)
    assert_same_bits(files.from_bytes(whole, "it").params, net.params)
    for place in (700, 5000, files.CHUNK_BYTES, len(whole) // 2, len(whole) - 50, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(fb.FileFormatError, match=r"SHA-256|must be 0"):
            fb.load(path)


def test_bytes_and_files_are_the_same(tmp_path):
    net = make()
    net.metadata = {"key": "ü"}
    net.save(tmp_path / "model.fastbp")
    data = files.to_bytes(net.file_contents())
    assert data == (tmp_path / "model.fastbp").read_bytes()
    found = files.from_bytes(data, "bytes of mine")
    assert_same_bits(found.params, net.params)
    assert (found.network, found.metadata) == (net.file_contents().network, net.metadata)
    with pytest.raises(
        fb.FileFormatError, match=r"^bytes of mine is not a fastbp model: it is emp"
    ):
        files.from_bytes(b"", "bytes of mine")


def test_arrays_of_any_layout_are_written_alike():
    net = make()
    contents = net.file_contents()
    strided = np.repeat(net.params, 2)[::2]
    swapped = net.params.astype(net.params.dtype.newbyteorder(">"))
    for params in (strided, swapped):
        assert files.to_bytes(contents._replace(params=params)) == files.to_bytes(contents)


def test_descriptions_past_the_limits_are_refused_by_save(tmp_path):
    deep = fb.Network(1, [fb.Dense(1)] * 1025)
    with pytest.raises(ValueError, match=r"^layers must have at most 1024 items, got 1025"):
        deep.save(tmp_path / "model.fastbp")
    seeded = fb.mlp([1, 1], seed=2**128)
    with pytest.raises(ValueError, match=r"^network must .* integers must lie within"):
        seeded.save(tmp_path / "model.fastbp")
    assert list(tmp_path.iterdir()) == []


def test_the_largest_seed_and_the_deepest_network_come_back(tmp_path):
    for net in (fb.mlp([1, 1], seed=2**128 - 1), fb.Network(1, [fb.Dense(1)] * 1024)):
        net.save(tmp_path / "model.fastbp")
        same = fb.load(tmp_path / "model.fastbp")
        assert (same.seed, same.layers) == (net.seed, net.layers)
        assert_same_bits(same.params, net.params)
