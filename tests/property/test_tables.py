"""Tables of pandas, polars and pyarrow are taken as the arrays that they hold."""

import tracemalloc

import numpy as np
import pytest
from refusal import LABELS, X, make, refuse
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import checks, tables

NAMES = ["age", "height", "sold"]
N_ROWS = 23


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Let the rows of these tests make several chunks, the last one shorter."""
    monkeypatch.setattr(tables, "CHUNK_ROWS", 4)


def pandas():
    return pytest.importorskip("pandas")


def polars():
    return pytest.importorskip("polars")


def pyarrow():
    return pytest.importorskip("pyarrow")


def frame(array, dtype=None, index=None):
    made = pandas().DataFrame(array, columns=NAMES[: array.shape[1]], index=index)
    return made if dtype is None else made.astype(dtype)


def arrow_backed(array, dtype):
    pyarrow()
    return frame(array, dtype)


def sparse(array, dtype):
    return frame(array, pandas().SparseDtype(dtype, 0))


def polars_frame(array):
    columns = zip(NAMES, array.T, strict=False)
    return polars().DataFrame({name: column.copy() for name, column in columns})


def polars_chunks(array):
    return polars().concat([polars_frame(array[:9]), polars_frame(array[9:])], rechunk=False)


def arrow_table(array):
    columns = zip(NAMES, array.T, strict=False)
    return pyarrow().table({name: column.copy() for name, column in columns})


def arrow_chunks(array):
    return pyarrow().concat_tables([arrow_table(array[:10]), arrow_table(array[10:])])


def arrow_slice(array):
    return arrow_table(np.concatenate([array[:3], array])).slice(3)


# Each makes a table of whole numbers 0 and 1, and says what dtype its columns have.
TABLES = {
    **{
        f"pandas-{dtype}": (lambda array, dtype=dtype: frame(array, dtype))
        for dtype in (
            *("float64", "float32", "float16", "int64", "uint8", "bool"),
            *("Float64", "Float32", "Int64", "UInt8", "boolean"),
        )
    },
    **{
        f"pandas-{dtype}": (lambda array, dtype=dtype: arrow_backed(array, dtype))
        for dtype in ("double[pyarrow]", "float[pyarrow]", "int64[pyarrow]", "bool[pyarrow]")
    },
    "pandas-sparse-float": lambda array: sparse(array, "float64"),
    "pandas-sparse-int": lambda array: sparse(array, "int64"),
    "pandas-mixed": lambda array: frame(array).astype(
        dict(zip(NAMES, ["bool", "Int8", "float32"], strict=True))
    ),
    "pandas-index": lambda array: frame(array, "Int64", np.arange(len(array))[::-1] // 2),
    "pandas-float-index": lambda array: frame(array, "Int64", np.linspace(0, 1, len(array))),
    "pandas-one-name": lambda array: frame(array).set_axis(["a"] * array.shape[1], axis=1),
    "pandas-reversed": lambda array: frame(array[::-1].copy())[::-1],
    **{
        f"polars-{dtype}": (lambda array, dtype=dtype: polars_frame(array.astype(dtype)))
        for dtype in ("float64", "float32", "int64", "uint8", "bool")
    },
    "polars-chunks": polars_chunks,
    "polars-bool-chunks": lambda array: polars_chunks(array.astype(bool)),
    **{
        f"pyarrow-{dtype}": (lambda array, dtype=dtype: arrow_table(array.astype(dtype)))
        for dtype in ("float64", "float32", "float16", "int64", "uint8", "bool")
    },
    "pyarrow-chunks": arrow_chunks,
    "pyarrow-slice": arrow_slice,
    "pyarrow-batch": lambda array: arrow_table(array).to_batches()[0],
}

# Each makes one column of an array (n_rows,).
COLUMNS = {
    "pandas": lambda array: pandas().Series(array, index=np.arange(len(array))[::-1]),
    "pandas-nullable": lambda array: pandas().Series(array).convert_dtypes(),
    "pandas-index": lambda array: pandas().Index(array),
    "pandas-array": lambda array: pandas().array(array),
    "polars": lambda array: polars().Series("target", array),
    "polars-chunks": lambda array: polars().concat(
        [polars().Series(array[:5]), polars().Series(array[5:])], rechunk=False
    ),
    "pyarrow": lambda array: pyarrow().array(array),
    "pyarrow-chunks": lambda array: pyarrow().chunked_array([array[:5], array[5:]]),
}


def rows_of_zeros_and_ones(dtype):
    return np.random.default_rng(4).integers(0, 2, (N_ROWS, 3)).astype(dtype)


def trained(dtype, loss, x, y, weight=None):
    """Return the parameters of a small network after a fit."""
    n_out = 3 if loss == "cross_entropy" else 1
    output = "softmax" if loss == "cross_entropy" else "identity"
    net = fb.mlp([3, 5, n_out], "tanh", output, loss, dtype=dtype, seed=1)
    net.fit(x, y, "adam", epochs=2, batch_size=4, sample_weight=weight, validation=(x, y))
    return net.params


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", TABLES)
def test_a_table_of_rows_gives_the_bits_of_an_array(form, dtype):
    x = rows_of_zeros_and_ones(dtype)
    table = TABLES[form](x)
    found = checks.rows("x", table, 3, dtype, "3-1")
    assert found.flags.c_contiguous
    assert_same_bits(found, x)
    y = x.sum(axis=1)
    assert_same_bits(trained(dtype, "mse", table, y), trained(dtype, "mse", x, y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", COLUMNS)
def test_a_column_of_targets_or_weights_gives_the_bits_of_an_array(form, dtype):
    x = rows_of_zeros_and_ones(dtype)
    number, weight = x.sum(axis=1) / 4, np.arange(N_ROWS, dtype=dtype)
    column = COLUMNS[form]
    want = trained(dtype, "mse", x, number, weight)
    assert_same_bits(trained(dtype, "mse", x, column(number), column(weight)), want)
    for kind in (np.int64, np.uint8, np.float64):
        label = x[:, :2].sum(axis=1).astype(kind)
        want = trained(dtype, "cross_entropy", x, label)
        assert_same_bits(trained(dtype, "cross_entropy", x, column(label)), want)


@pytest.mark.parametrize("form", ["pandas-Int64", "polars-uint8", "pyarrow-float64"])
def test_a_table_of_targets_gives_the_bits_of_an_array(form):
    x = rows_of_zeros_and_ones("float32")
    for y in (x[:, :1], x[:, :2]):
        net = fb.mlp([3, y.shape[1]], output="sigmoid", loss="binary_cross_entropy")
        assert net.evaluate(x, TABLES[form](y)) == net.evaluate(x, y)
    net = fb.mlp([3, 2], output="softmax", loss="cross_entropy")
    assert net.evaluate(x, TABLES[form](x[:, :1])) == net.evaluate(x, x[:, 0])


def test_numbers_come_as_numpy_would_convert_them():
    # The first would be rounded twice on a way to float32 that leads through float64.
    big = np.array([[2**60 + 2**36 + 1, -(2**53) - 1, 16777217]])
    for table in (frame(big), frame(big, "Int64"), polars_frame(big), arrow_table(big)):
        for dtype in ("float32", "float64"):
            assert_same_bits(checks.rows("x", table, 3, dtype, "3-1"), big.astype(dtype))
    half = np.array([[0.1, 65504.0, 6e-8]], np.float16)
    for table in (frame(half), arrow_table(half)):
        assert_same_bits(checks.rows("x", table, 3, "float32", "3-1"), half.astype(np.float32))


def test_a_column_is_taken_for_parameters_too():
    net = fb.mlp([3, 2])
    for column in COLUMNS.values():
        net.params = column(np.arange(8.0))
        assert net.params.tolist() == list(range(8))
        net.params[:] = 0
    net = fb.Network(3, [fb.Dense(2, init=arrow_table(np.ones((2, 3))))])
    assert (net.weights[0] == 1).all()


# Columns with missing values, and the dtypes of pandas that hold them.
MISSING = {
    "int": ([1, 2, None, None], ["Int64", "int64[pyarrow]"]),
    "bool": ([True, False, None, None], ["boolean", "bool[pyarrow]"]),
    "float": ([0.5, 1.5, None, 2.5], ["Float64", "double[pyarrow]"]),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_value_is_refused_by_column_and_row(kind):
    pd, pl, pa = pandas(), polars(), pyarrow()
    column, dtypes = MISSING[kind]
    found = [
        *(frame(X).assign(height=pd.Series(column, dtype=dtype)) for dtype in dtypes),
        polars_frame(X).with_columns(height=pl.Series(column)),
        arrow_table(X).set_column(1, "height", pa.array(column)),
    ]
    message = r"^x must be finite, got a missing value in row 2, column 'height'$"
    net = make()
    for table in found:
        refuse(net, ValueError, message, lambda table=table: net.predict(table))


def test_what_is_not_finite_is_refused_by_the_name_of_its_column():
    net = make(dtype="float32")
    for value, came in [
        (np.nan, "got nan in row 2, column 'height'"),
        (np.inf, "got inf in row 2, column 'height'"),
        (1e300, r"got 1e\+300 in row 2, column 'height' \(not finite as float32\)"),
    ]:
        bad = X.copy()
        bad[2, 1] = value
        for table in (frame(bad), polars_frame(bad), arrow_table(bad)):
            message = rf"^x must be finite, {came}$"
            refuse(net, ValueError, message, lambda table=table: net.predict(table))


def test_a_target_that_is_missing_is_refused_by_its_name():
    net = make()
    pd, pl = pandas(), polars()
    label = [0, 1, None, 1]
    for column, came in [
        (pd.Series(label, name="sold"), "nan in row 2, column 'sold'"),
        (pd.Series(label, name="sold", dtype="Int64"), "a missing value in row 2, column 'sold'"),
        (pl.Series("sold", label), "a missing value in row 2, column 'sold'"),
        (pyarrow().array(label), "a missing value in row 2, column 0"),
    ]:
        message = f"^y must be finite, got {came}$"
        refuse(net, ValueError, message, lambda y=column: net.evaluate(X, y))
        message = f"^sample_weight must be finite, got {came}$"
        refuse(net, ValueError, message, lambda w=column: net.evaluate(X, LABELS, w))
    message = r"^y must hold class indices from 0 to 1, got 7 in row 3$"
    wrong = pl.Series("sold", [0, 1, 0, 7])
    refuse(net, ValueError, message, lambda: net.evaluate(X, wrong))


def test_columns_of_other_things_are_refused_with_their_dtype():
    pd, pl, pa = pandas(), polars(), pyarrow()
    days = np.arange(4).astype("datetime64[ms]")
    text = pd.Series(["a", "b", "a", "b"])
    found = [
        (frame(X).assign(height=text.astype(object)), "object"),
        (frame(X).assign(height=text.astype("string")), "string"),
        (frame(X).assign(height=text.astype("category")), "category"),
        (frame(X).assign(height=days), r"datetime64\[ms\]"),
        (frame(X).assign(height=pd.Series(days).dt.tz_localize("UTC")), r"datetime64\[ms, UTC\]"),
        (frame(X).assign(height=np.ones(4, complex)), "complex128"),
        (polars_frame(X).with_columns(height=pl.Series(list("abab"))), "String"),
        (polars_frame(X).with_columns(height=pl.Series(days)), r"Datetime\(.*"),
        (polars_frame(X).with_columns(height=pl.Series([None] * 4)), "Null"),
        (polars_frame(X).with_columns(height=pl.Series([[1]] * 4)), r"List\(Int64\)"),
        (polars_frame(X).cast({"height": pl.Decimal(10, 2)}), r"Decimal\(.*"),
        (arrow_table(X).set_column(1, "height", pa.array(list("abab"))), "string"),
        (arrow_table(X).set_column(1, "height", pa.array(days)), r"timestamp\[ms\]"),
        (
            arrow_table(X).set_column(1, "height", pa.array(list("abab")).dictionary_encode()),
            "dictionary<.*",
        ),
    ]
    net = make()
    for table, dtype in found:
        message = (
            rf"^x must hold real numbers, got column 'height' of dtype {dtype}; cast it to a "
            r"number, or give each of its values a column of 0 and 1 \(one-hot; in y, class "
        )
        refuse(net, TypeError, message, lambda table=table: net.predict(table))
    message = "^y must hold real numbers, got column 0 of dtype category; cast it"
    refuse(net, TypeError, message, lambda: net.evaluate(X, text.astype("category")))


@pytest.mark.parametrize("form", ["pandas-Int64", "polars-float64", "pyarrow-batch"])
def test_tables_of_another_shape_are_refused_like_arrays(form):
    table = TABLES[form]
    net, zeros = make(), np.zeros((N_ROWS, 3))
    message = r"^x must have 3 columns \(network sizes 3-5-2\), got shape \(23, 2\)$"
    refuse(net, ValueError, message, lambda: net.predict(table(zeros[:, :2])))
    message = r"^y must have one entry a row of x \(4\), got shape \(23, 2\)$"
    refuse(net, ValueError, message, lambda: net.evaluate(X, table(zeros[:, :2])))
    message = r"^sample_weight must have 1 dimension \(n_rows,\), got shape \(23, 3\)$"
    refuse(net, ValueError, message, lambda: net.evaluate(X, LABELS, table(zeros)))
    message = r"^x must have at least 1 row, got shape \(0, 3\)$"
    empty = frame(zeros).iloc[:0] if form.startswith("pandas") else table(zeros).slice(0, 0)
    refuse(net, ValueError, message, lambda: net.predict(empty))
    column = COLUMNS[form.partition("-")[0]](zeros[:, 0])
    message = r"^x must have 2 dimensions \(n_rows, 3\), got shape \(23,\)$"
    refuse(net, ValueError, message, lambda: net.predict(column))


def test_what_is_no_table_of_these_packages_is_refused():
    pd, pl, pa = pandas(), polars(), pyarrow()
    net = make()
    for value in (pd.Timestamp(0), pl.col("age"), polars_frame(X).lazy(), pa.scalar(1.0)):
        refuse(net, TypeError, "^x must hold real numbers, got", lambda v=value: net.predict(v))


@pytest.mark.parametrize(
    "form", ["pandas-float16", "pandas-Int64", "polars-chunks", "pyarrow-bool"]
)
def test_a_table_is_converted_without_a_copy_beside_the_result(form, monkeypatch):
    monkeypatch.undo()
    x = np.random.default_rng(0).integers(0, 2, (200_000, 3)).astype(np.float64)
    table = TABLES[form](x)
    checks.rows("x", TABLES[form](x[:23]), 3, np.float32, "3-1")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        out = checks.rows("x", table, 3, np.float32, "3-1")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert_same_bits(out, x.astype(np.float32))
    assert peak <= out.nbytes + 300_000
