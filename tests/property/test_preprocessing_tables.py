"""Columns by their names, from tables of every kind: what is taken, and what is refused."""

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb
from fastbp.preprocessing import chunk_places, reading

AGE, SEX, FARE = [20, 40, 60], ["male", "female", "male"], [7.5, 8.5, 9.5]
VALUES = {"age": AGE, "sex": SEX, "fare": FARE}
NAMES = ("age", "sex=female", "sex=male", "fare")
SIDE = np.sqrt(1.5)
OUT = np.array([[-SIDE, 0, 1, -SIDE], [0, 1, 0, 0], [SIDE, 0, 1, SIDE]])


def pandas_frame(values, **categories):
    return pytest.importorskip("pandas").DataFrame(values)


def pandas_category(values):
    return pandas_frame(values).astype({"sex": "category"}) if "sex" in values else None


def pandas_arrow(values):
    pytest.importorskip("pyarrow")
    return pandas_frame(values).convert_dtypes(dtype_backend="pyarrow")


def polars_frame(values):
    return pytest.importorskip("polars").DataFrame(values)


def polars_category(values):
    polars = pytest.importorskip("polars")
    return polars_frame(values).with_columns(polars.col("sex").cast(polars.Categorical))


def arrow_table(values):
    return pytest.importorskip("pyarrow").table(values)


def arrow_dictionary(values):
    made = arrow_table(values)
    place = made.column_names.index("sex")
    return made.set_column(place, "sex", made["sex"].dictionary_encode())


def of_lists(values):
    return dict(values)


def of_arrays(values):
    return {name: np.array(column) for name, column in values.items()}


def of_objects(values):
    return {
        name: np.array(column, object) if name == "sex" else column
        for name, column in values.items()
    }


def structured(values):
    kinds = {"age": int, "sex": "U9", "fare": float, "extra": int, "who": "U9"}
    rows = list(zip(*values.values(), strict=True))
    return np.array(rows, [(name, kinds[name]) for name in values])


MAKERS = [
    *(pandas_frame, pandas_category, pandas_arrow, polars_frame, polars_category, arrow_table),
    *(arrow_dictionary, of_lists, of_arrays, of_objects, structured),
]
each_kind = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@each_kind
def test_numbers_are_standardised_and_the_others_one_hot(make):
    columns = fb.Columns().fit(make(VALUES))
    assert columns.output_names == NAMES
    assert columns.names == ("age", "sex", "fare")
    assert (columns.n_in, columns.n_out, columns.n_rows) == (3, 4, 3)
    np.testing.assert_allclose(columns.transform(make(VALUES)), OUT, atol=1e-15)
    age, sex, _ = columns.columns
    assert age[:3] == ("age", "numeric", None)
    assert (age.mean, age.scale) == (40.0, np.std(AGE))
    assert sex == ("sex", "categorical", ("female", "male"), None, None)


@each_kind
@pytest.mark.parametrize("fitted_on", [of_lists, arrow_table])
def test_the_order_of_columns_does_not_matter(make, fitted_on):
    columns = fb.Columns().fit(fitted_on(VALUES))
    turned = make({name: VALUES[name] for name in ("fare", "sex", "age")})
    assert_same_bits(columns.transform(turned), columns.transform(VALUES))


@each_kind
def test_a_missing_column_is_named(make):
    columns = fb.Columns().fit(VALUES)
    rest = {"fare": FARE, "sex": SEX}
    with pytest.raises(ValueError, match=r"^table must have the column 'age', got 'fare', 'sex'$"):
        columns.transform(make(rest))


@each_kind
def test_an_extra_column_is_named_or_ignored(make):
    columns = fb.Columns().fit(VALUES)
    more = make({**VALUES, "extra": [1, 2, 3]})
    with pytest.raises(ValueError, match=r"and no others, got the column 'extra' too$"):
        columns.transform(more)
    lenient = fb.Columns(extra="ignore").fit(VALUES)
    assert_same_bits(lenient.transform(more), columns.transform(VALUES))


@each_kind
def test_an_unknown_category_is_named_or_none_of_them(make):
    other = make({**VALUES, "sex": ["male", "other", "male"]})
    with pytest.raises(ValueError, match=r"table's column 'sex' must hold categories that .*'fema"):
        fb.Columns().fit(VALUES).transform(other)
    with pytest.raises(ValueError, match="got 'other' in row 1; with unknown='ignore'"):
        fb.Columns().fit(VALUES).transform(other)
    found = fb.Columns(unknown="ignore").fit(VALUES).transform(other)
    assert found[:, 1:3].tolist() == [[0, 1], [0, 0], [0, 1]]


def with_missing():
    """Return tables of every kind in which age and sex have a missing value in row 1."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    values = {"age": [20.0, None, 60.0], "sex": ["male", None, "male"], "fare": FARE}
    frame = pandas.DataFrame(values)
    return {
        "pandas": frame,
        "pandas-nullable": frame.convert_dtypes(),
        "pandas-category": frame.astype({"sex": "category"}),
        "polars": polars.DataFrame(values),
        "pyarrow": pytest.importorskip("pyarrow").table(values),
        "dict": {**values, "age": np.array([20.0, np.nan, 60.0])},
    }


KINDS = ["pandas", "pandas-nullable", "pandas-category", "polars", "pyarrow", "dict"]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_are_refused_by_column_and_row(kind):
    table = with_missing()[kind]
    columns = fb.Columns(extra="ignore").fit(VALUES)
    with pytest.raises(ValueError, match=r"in row 1, column 'age'$"):
        columns.transform(table)
    for one in (fb.Columns(["fare"], ["sex"], extra="ignore"),):
        with pytest.raises(
            ValueError, match=r"column 'sex' must have no missing values, got .* row 1"
        ):
            one.fit(table)
        assert not one.is_fitted


def test_integers_that_name_something_are_categories_if_it_is_said():
    table = {"zip": [10115, 80331, 10115], "age": AGE}
    assert fb.Columns(categorical=["zip"]).fit(table).output_names == (
        "zip=10115",
        "zip=80331",
        "age",
    )
    assert fb.Columns().fit(table).output_names == ("zip", "age")
    only = fb.Columns(numeric=["age"], categorical=["zip"])
    with pytest.raises(ValueError, match="got the column 'fare' too"):
        only.fit({**table, "fare": FARE})


def test_true_and_false_are_categories_unless_they_are_said_to_be_numbers():
    table = {"yes": [True, False, True]}
    assert fb.Columns().fit(table).output_names == ("yes=False", "yes=True")
    assert fb.Columns(numeric=["yes"]).fit(table).output_names == ("yes",)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_blocks_give_what_the_whole_gives(step, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_NUMBERS", 9)
    rng = np.random.default_rng(0)
    table = {
        "n": rng.normal(size=11) * 1e3,
        "c": rng.choice(["x", "y", "z"], 11),
        "m": rng.normal(size=11),
    }
    whole, parts = fb.Columns().fit(table), fb.Columns()
    for start in range(0, 11, step):
        block = {name: column[start : start + step] for name, column in reversed(table.items())}
        parts.partial_fit(block if start else {name: block[name] for name in table})
    assert parts == whole
    assert_same_bits(parts.transform(table), whole.transform(table))


def test_rows_in_later_chunks_are_named_by_their_place_in_the_whole(monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_NUMBERS", 4)
    assert len(list(chunk_places(10, 2))) == 5
    columns = fb.Columns().fit({"n": np.arange(10.0), "c": ["a"] * 10})
    n = np.arange(10.0)
    n[7] = np.inf
    with pytest.raises(ValueError, match="got inf in row 7, column 'n'"):
        columns.transform({"n": n, "c": ["a"] * 10})
    with pytest.raises(ValueError, match="got 'b' in row 9"):
        columns.transform({"n": np.arange(10.0), "c": ["a"] * 9 + ["b"]})


@each_kind
def test_standardize_finds_columns_by_name_too(make):
    numbers = {"age": AGE, "fare": FARE}
    if make in (pandas_category, polars_category, arrow_dictionary):
        return
    scaling = fb.Standardize().fit(make(numbers))
    assert scaling.names == ("age", "fare")
    turned = make({"fare": FARE, "age": AGE})
    assert_same_bits(scaling.transform(turned), scaling.transform(np.array([AGE, FARE]).T))
    with pytest.raises(ValueError, match="must have the column 'age', got 'fare', 'extra'"):
        scaling.transform(make({"fare": FARE, "extra": AGE}))
    with pytest.raises(ValueError, match="got the column 'extra' too"):
        scaling.transform(make({**numbers, "extra": AGE}))


@pytest.mark.parametrize(
    ("value", "categories"),
    [
        (["b", "a", "b"], (("a", "b"),)),
        ([3, 1, 3], ((1, 3),)),
        ([True, False], ((False, True),)),
        (np.array([2, 1], np.int16), ((1, 2),)),
        (np.array(["y", "x"]), (("x", "y"),)),
        (np.array([["b", "q"], ["a", "q"]]), (("a", "b"), ("q",))),
        ({"c": ["u", "t"], "n": [1, 2]}, (("t", "u"), (1, 2))),
        (["", "Ä", "a"], (("", "a", "Ä"),)),
    ],
    ids=str,
)
def test_one_hot_of_every_kind_of_column(value, categories):
    one_hot = fb.OneHot().fit(value)
    assert one_hot.categories == categories
    assert all(type(c) in (str, int, bool) for column in one_hot.categories for c in column)
    found = one_hot.transform(value)
    assert found.shape[1] == one_hot.n_out == sum(map(len, categories))
    assert (found.reshape(len(found), -1).sum(axis=1) == one_hot.n_in).all()


NO_CATEGORIES = {
    "floats": (TypeError, [1.5, 2.5], "must hold strings, integers or True and False, got 1.5"),
    "two kinds": (TypeError, ["a", 1], "must hold strings, got 1 in row 1"),
    "True beside 1": (TypeError, np.array([1, True], object), "hold integers, got True in row 1"),
    "none": (ValueError, ["a", None], "must have no missing values, got None in row 1"),
    "nan": (ValueError, np.array(["a", np.nan], object), "no missing values, got nan in row 1"),
    "dates": (TypeError, np.array(["2020-01-01"], "M8[D]"), r"got datetime64\[D\]"),
    "bytes": (TypeError, np.array([b"a"]), "got b'a' in row 0"),
    "no rows": (ValueError, [], "must have at least 1 row"),
    "long text": (ValueError, ["x" * 1025], "at most 1024 letters, got 1025"),
    "half a pair": (ValueError, ["\ud800"], "half a surrogate pair"),
    "large integer": (ValueError, np.array([2**64], object), r"within \+-2\*\*63"),
    "too many": (ValueError, list(range(1001)), "at most 1000 categories .*got 1001 in the first"),
}


@pytest.mark.parametrize("name", NO_CATEGORIES)
def test_what_is_no_category_is_refused(name):
    error, value, message = NO_CATEGORIES[name]
    one_hot = fb.OneHot()
    with pytest.raises(error, match=message):
        one_hot.fit(value)
    assert not one_hot.is_fitted


def test_too_many_categories_name_the_column_and_the_count():
    table = {"age": range(5), "zip": ["a", "b", "c", "d", "e"]}
    with pytest.raises(
        ValueError, match=r"column 'zip' must have at most 3 categories .* got 5 in"
    ):
        fb.Columns(max_categories=3).fit({"age": np.arange(5), "zip": table["zip"]})


REFUSED = {
    "no table": (
        TypeError,
        lambda: fb.Columns().fit([[1.0]]),
        "must be a table with named columns",
    ),
    "no rows": (ValueError, lambda: fb.Columns().fit({"a": []}), "at least 1 row"),
    "no columns": (ValueError, lambda: fb.Columns().fit({}), "at least 1 row and 1 column"),
    "numbers as names": (TypeError, lambda: fb.Columns().fit({1: [1.0]}), "names of text, got 1"),
    "lengths": (
        ValueError,
        lambda: fb.Columns().fit({"a": [1.0], "b": [1.0, 2.0]}),
        "of one length, got 2 rows in column 'b' and 1 in column 'a'",
    ),
    "two dimensions": (
        ValueError,
        lambda: fb.Columns().fit({"a": [[1.0]]}),
        r"table\['a'\] must have 1 dimension",
    ),
    "text as numbers": (
        TypeError,
        lambda: fb.Columns(numeric=["a"]).fit({"a": ["x"]}),
        "must hold real numbers, got column 'a' of dtype object",
    ),
    "a named column that is not there": (
        ValueError,
        lambda: fb.Columns(categorical=["b"]).fit({"a": [1]}),
        "must have the column 'b', got 'a'",
    ),
    "both lists": (
        ValueError,
        lambda: fb.Columns(["a"], ["a"]),
        "numeric and categorical must not share columns, got 'a'",
    ),
    "one name for a list": (TypeError, lambda: fb.Columns("a"), "numeric must be a list of names"),
    "a name twice": (ValueError, lambda: fb.Columns(["a", "a"]), "each name once"),
    "unknown": (ValueError, lambda: fb.Columns(unknown="skip"), "unknown must be one of"),
    "extra": (ValueError, lambda: fb.Columns(extra="skip"), "extra must be one of"),
    "most": (ValueError, lambda: fb.OneHot(max_categories=0), "max_categories must be at least 1"),
    "long name": (
        ValueError,
        lambda: fb.Columns().fit({"x" * 1025: [1.0]}),
        "at most 1024 letters",
    ),
    "not fitted": (ValueError, lambda: fb.Columns().transform({"a": [1]}), "must be fitted before"),
    "no mean yet": (ValueError, lambda: fb.Standardize().mean, "fitted before its mean and scale"),
    "no categories yet": (ValueError, lambda: fb.OneHot().categories, "must be fitted before its"),
    "nan": (
        ValueError,
        lambda: fb.Standardize().fit([[1.0, 2.0], [1.0, np.nan]]),
        "x must be finite, got nan in row 1, column 1",
    ),
    "text": (TypeError, lambda: fb.Standardize().fit([["a"]]), "x must hold real numbers"),
    "three dimensions": (ValueError, lambda: fb.Standardize().fit(np.zeros((1, 1, 1))), "2 dimen"),
    "columns": (
        ValueError,
        lambda: fb.Standardize().fit([[1.0]]).transform([[1.0, 2.0]]),
        r"x must have 1 column, got shape \(1, 2\)",
    ),
    "columns of a block": (
        ValueError,
        lambda: fb.Standardize().fit([[1.0]]).partial_fit([[1.0, 2.0]]),
        "block must have 1 column",
    ),
    "columns of z": (
        ValueError,
        lambda: fb.Standardize().fit([[1.0]]).inverse([[1.0, 2.0]]),
        "z must have 1 column",
    ),
    "columns of categories": (
        ValueError,
        lambda: fb.OneHot().fit(["a"]).transform([["a", "b"]]),
        "must have 1 column of categories",
    ),
    "infinite once it is standardised": (
        ValueError,
        lambda: fb.Standardize().fit([0.0, 1e-300]).transform([[1e10]]),
        r"got 10000000000.0 in row 0, column 0 \(not finite as float64 once",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_name(name):
    error, call, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        call()
    assert caught.type is error


def test_pandas_columns_that_come_twice_are_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(ValueError, match="must have each column once, got 'a' twice"):
        fb.Columns().fit(frame)
    assert fb.Standardize().fit(frame).names is None


def test_a_failed_block_changes_nothing():
    scaling = fb.Standardize().fit([[1.0, 2.0]])
    columns = fb.Columns().fit(VALUES)
    one_hot = fb.OneHot().fit(["a", "b"])
    before = scaling.to_dict(), columns.to_dict(), one_hot.to_dict()
    big = np.zeros((reading.CHUNK_NUMBERS, 2))
    big[-1, 1] = np.nan
    for call in (
        lambda: scaling.partial_fit(big),
        lambda: scaling.fit(big),
        lambda: columns.partial_fit({**VALUES, "sex": ["new", "male", None]}),
        lambda: columns.fit({**VALUES, "sex": ["new", "male", None]}),
        lambda: one_hot.partial_fit(["c", None]),
        lambda: one_hot.fit(["c", None]),
    ):
        with pytest.raises(ValueError, match="in row"):
            call()
    assert (scaling.to_dict(), columns.to_dict(), one_hot.to_dict()) == before
    # They go on as if it had not come.
    scaling.partial_fit([[3.0, 4.0]])
    assert scaling == fb.Standardize().fit([[1.0, 2.0], [3.0, 4.0]])
    assert columns.partial_fit(VALUES) == fb.Columns().fit(VALUES).partial_fit(VALUES)
    assert one_hot.partial_fit(["d"]) == fb.OneHot().fit(["a", "b", "d"])
