"""Files whose preprocessing is not what docs/format.md says are refused by what is wrong."""

import copy
import struct

import modelfile
import numpy as np
import pytest

import fastbp as fb

TABLE = {"age": [20.0, 40.0], "city": ["a", "b"]}
NUMBERS = struct.pack("<2d", 1.0, 2.0)


def standard():
    """Return header and arrays of a model with standardised inputs and targets."""
    scaling = fb.Standardize().fit({"a": [1.0, 3.0], "b": [0.0, 4.0]})
    return taken(fb.mlp([2, 1], inputs=scaling, targets=fb.Standardize().fit([1.0, 5.0])))


def columns():
    return taken(fb.mlp([None, 1], inputs=fb.Columns().fit(TABLE)))


def one_hot():
    return taken(fb.mlp([None, 1], inputs=fb.OneHot().fit({"c": ["a", "b"], "n": [1, 2]})))


def taken(net):
    from fastbp import files

    return modelfile.read(files.to_bytes(net.file_contents()))


def load(header, arrays, path, version=2):
    path.write_bytes(modelfile.packed(header, list(arrays.values()), version))
    return fb.load(path)


def put(*keys):
    """Return a change: the value at the end of keys goes to the place that they lead to."""
    *way, last, value = keys

    def change(header, arrays):
        place = header["preprocessing"]
        for key in way:
            place = place[key]
        place[last] = value

    return change


def dropped(*keys):
    *way, last = keys

    def change(header, arrays):
        place = header["preprocessing"]
        for key in way:
            place = place[key]
        del place[last]

    return change


def array(name, data, dtype="float64", shape=(2,)):
    """Return a change of one array, or (None) its absence."""

    def change(header, arrays):
        place = [tensor["name"] for tensor in header["tensors"]].index(name)
        if data is None:
            del header["tensors"][place], arrays[name]
        else:
            arrays[name] = data
            header["tensors"][place] |= {"dtype": dtype, "shape": list(shape)}

    return change


def network(key, value):
    return lambda header, arrays: header["network"].update({key: value})


BAD = {
    "no side": (standard, put("inputs", None), "mean must belong to preprocessing of its own"),
    "neither": (
        one_hot,
        put("inputs", None),
        "preprocessing must be of inputs or targets in a file of version 2",
    ),
    "a third side": (standard, put("x", None), "must have the keys inputs, targets"),
    "a side that is missing": (standard, dropped("targets"), "got targets missing"),
    "a side that is a list": (standard, put("inputs", []), "inputs must be an object"),
    "kind": (
        standard,
        put("inputs", "kind", "Standardize"),
        "kind of preprocessing must be one of",
    ),
    "kind of another": (standard, put("inputs", "kind", "one_hot"), "must have the keys"),
    "no kind": (standard, dropped("inputs", "kind"), "kind must be a string"),
    "targets of another kind": (
        columns,
        lambda header, arrays: header["preprocessing"].update(
            targets=header["preprocessing"]["inputs"], inputs=None
        ),
        "mean must belong",
    ),
    "unknown key": (standard, put("inputs", "more", 1), "must have the keys"),
    "mean in the header": (standard, put("inputs", "mean", [1.0]), "must belong to preprocessing"),
    "no rows": (standard, put("inputs", "n_rows", 0), "n_rows must be an integer from 1"),
    "many rows": (standard, put("inputs", "n_rows", 2**53), "n_rows must be an integer from 1"),
    "rows that are no integer": (standard, put("inputs", "n_rows", True), "n_rows must be an int"),
    "one name": (standard, put("inputs", "names", ["a"]), "names must be 2 different texts"),
    "equal names": (standard, put("inputs", "names", ["a", "a"]), "names must be 2 different"),
    "names of numbers": (standard, put("inputs", "names", [1, 2]), "names must be a list of texts"),
    "a long name": (
        standard,
        put("inputs", "names", ["a", "x" * 1025]),
        "names of columns must have at most 1024 letters, got 1025",
    ),
    "no mean": (standard, array("inputs.mean", None), "must have the keys"),
    "nan": (
        standard,
        array("inputs.mean", struct.pack("<2d", 1, np.nan)),
        "mean must hold finite numbers",
    ),
    "negative": (
        standard,
        array("inputs.deviation", struct.pack("<2d", 1, -1)),
        "deviation must hold no number below 0",
    ),
    "lengths": (
        standard,
        array("inputs.mean", NUMBERS + NUMBERS[:8], shape=(3,)),
        "mean and deviation must be of one length, got 3 and 2",
    ),
    "float32": (
        standard,
        array("inputs.mean", NUMBERS[:8], "float32"),
        "inputs.mean must be of one dimension and float64",
    ),
    "two dimensions": (
        standard,
        array("inputs.mean", NUMBERS, shape=(1, 2)),
        "inputs.mean must be of one dimension and float64",
    ),
    "widths": (
        standard,
        lambda header, arrays: (
            array("inputs.mean", NUMBERS[:8], shape=(1,))(header, arrays),
            array("inputs.deviation", NUMBERS[:8], shape=(1,))(header, arrays),
            put("inputs", "names", None)(header, arrays),
        ),
        r"inputs must give 2 columns \(network sizes 2-1\), got 1 of <Standardize: 1 column",
    ),
    "loss": (standard, network("loss", "hinge"), "targets must be None with loss 'hinge'"),
    "columns": (columns, put("inputs", "columns", []), "columns must hold at least 1 column"),
    "too many columns": (
        columns,
        put("inputs", "columns", [{"name": "a", "categories": None}] * 16_385),
        r"(columns must have at most 16384 items|JSON must have at most)",
    ),
    "a column twice": (
        columns,
        put("inputs", "columns", 1, "name", "age"),
        "columns must have each name once, got 'age' twice",
    ),
    "a column's key": (columns, put("inputs", "columns", 0, "x", 1), "each of columns must have"),
    "a name that is none": (columns, put("inputs", "columns", 0, "name", 1), "name of a column"),
    "numbers that are categories": (
        columns,
        put("inputs", "columns", 0, "categories", ["x"]),
        "mean and deviation must be of one length of 0 numbers, got 1 and 1",
    ),
    "unknown": (columns, put("inputs", "unknown", "skip"), "unknown must be one of"),
    "extra": (columns, put("inputs", "extra", 1), "extra must be a string"),
    "most": (columns, put("inputs", "max_categories", 1), "must have at most 1 categories, got 2"),
    "no most": (columns, put("inputs", "max_categories", 0), "max_categories must be at least 1"),
    "categories of two kinds": (
        columns,
        put("inputs", "columns", 1, "categories", ["a", 1]),
        "must have categories of one kind",
    ),
    "categories of floats": (
        columns,
        put("inputs", "columns", 1, "categories", [1.5, 2.5]),
        "must have categories of one kind",
    ),
    "no categories": (columns, put("inputs", "columns", 1, "categories", []), "list of categories"),
    "order": (
        columns,
        put("inputs", "columns", 1, "categories", ["b", "a"]),
        "must have categories in ascending order, each once",
    ),
    "a category twice": (
        columns,
        put("inputs", "columns", 1, "categories", ["a", "a"]),
        "must have categories in ascending order, each once",
    ),
    "a large integer": (one_hot, put("inputs", "categories", 1, [1, 2**64]), r"within \+-2\*\*63"),
    "no lists": (one_hot, put("inputs", "categories", []), "a list of 1 to 4096 lists"),
    "a long category": (
        one_hot,
        put("inputs", "categories", 0, ["a", "x" * 1025]),
        "at most 1024 letters, got 1025",
    ),
    "names of one_hot": (one_hot, put("inputs", "names", ["c"]), "names must be 2 different texts"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said(name, tmp_path):
    make, change, message = BAD[name]
    header, arrays = make()
    path = tmp_path / "model.fastbp"
    assert load(copy.deepcopy(header), dict(arrays), path).inputs is not None
    change(header, arrays)
    with pytest.raises(fb.FileFormatError, match=message) as caught:
        load(header, arrays, path)
    assert str(caught.value).startswith("model.fastbp is not a fastbp model: ")


def test_arrays_of_preprocessing_belong_to_version_2(tmp_path):
    header, arrays = standard()
    path = tmp_path / "model.fastbp"
    with pytest.raises(fb.FileFormatError, match="must have the keys network, metadata"):
        load(header, arrays, path, version=1)
    del header["preprocessing"]
    with pytest.raises(fb.FileFormatError, match="no arrays but params without the state of a fit"):
        load(header, arrays, path, version=1)
    with pytest.raises(fb.FileFormatError, match="must have the keys"):
        load(header, {"params": arrays["params"]}, path, version=2)


def test_descriptions_in_memory_are_as_strict():
    for one in (fb.Standardize().fit([1.0, 2.0]), fb.Columns().fit(TABLE), fb.OneHot().fit(["a"])):
        values = one.to_dict()
        assert type(one).from_dict(values) == one
        with pytest.raises(ValueError, match="must have the keys"):
            type(one).from_dict({**values, "more": 1})
        with pytest.raises(ValueError, match="kind must be"):
            type(one).from_dict({**values, "kind": "other"})
    values = fb.Standardize().fit([1.0, 2.0]).to_dict()
    for mean in ([True], ["1"], [10**400], 1.0, None):
        with pytest.raises(ValueError, match="mean must hold numbers"):
            fb.Standardize.from_dict({**values, "mean": mean})
