"""Reading tables: the columns that come out, and the line and column that every error names."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbp.cli import table as table_module
from fastbp.cli.encoding import (
    ClassTarget,
    Standardization,
    choose_task,
    encode_classes,
    numeric_target,
)
from fastbp.cli.errors import DataError
from fastbp.cli.split import set_aside
from fastbp.cli.table import parse_number, read_table, row_line


@pytest.fixture
def write(tmp_path):
    """Return a function that writes text or bytes to a file and returns its path."""

    def write_file(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


class TestReading:
    def test_numbers_and_target(self, write):
        table = read_table(write("a,kind,b\n1,x,2.5\n-3e2,y,4\n"), target="kind")
        assert table.names == ("a", "b")
        assert table.numbers.tolist() == [[1, 2.5], [-300, 4]]
        assert table.target == ["x", "y"]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_delimiters_and_line_ends(self, write, delimiter, end):
        lines = [["a", "b", "t"], ["1", "2", "u"], ["3", "4", "v"]]
        table = read_table(write(end.join(map(delimiter.join, lines))), target="t")
        assert table.numbers.tolist() == [[1, 2], [3, 4]]
        assert table.target == ["u", "v"]

    def test_delimiters_within_quotes_do_not_count(self, write):
        table = read_table(write('"a,b,c";d\n1;2\n'))
        assert table.names == ("a,b,c", "d")

    def test_quoted_fields(self, write):
        table = read_table(write('"a","the ""t"""\n"1","x,y"\n2,"say ""so"""\n'), 'the "t"')
        assert table.numbers.tolist() == [[1], [2]]
        assert table.target == ["x,y", 'say "so"']

    def test_byte_order_mark(self, write):
        assert read_table(write(b"\xef\xbb\xbfa,b\n1,2\n")).names == ("a", "b")

    def test_gzip(self, write):
        path = write(gzip.compress(b"a,b\n1,2\n"), "data.csv.gz")
        assert read_table(path).numbers.tolist() == [[1, 2]]

    def test_blanks_around_fields_and_blank_lines(self, write):
        table = read_table(write("\n a , t \n 1 , x \n\n2,y\n\n"), target="t")
        assert table.numbers.tolist() == [[1], [2]]
        assert table.target == ["x", "y"]

    def test_columns_in_the_order_asked_for(self, write):
        path = write("a,note,b\n1,any text,2\n3,,4\n")
        assert read_table(path, columns=["b", "a"]).numbers.tolist() == [[2, 1], [4, 3]]

    def test_hash_is_no_comment(self, write):
        assert read_table(write("a,t\n1,#x\n"), target="t").target == ["#x"]

    def test_text_beyond_ascii(self, write):
        table = read_table(write("giá,loại\n1,nhà phố\n"), target="loại")
        assert (table.names, table.target) == (("giá",), ["nhà phố"])


BAD_FILES = {
    "empty file": ("", "must have a header row, got an empty file"),
    "blank file": ("\n\n", "must have a header row, got an empty file"),
    "header only": ("a,t\n", "must have rows of data after the header, got none"),
    "no such column": ("a,b\n1,2\n", "must have a column 't', got the columns 'a', 'b'"),
    "target alone": ("t\n1\n", "must have a column besides the target 't', got none"),
    "nameless column": (",a,t\n0,1,2\n", "every column must have a name, got none for column 1"),
    "same name twice": ("a,a,t\n0,1,2\n", "column names must be unique, got 'a' twice"),
    "text": ("a,t\n1,x\ntwo,y\n", "line 3, column 'a': value must be a number, got 'two'"),
    "underscore": ("a,t\n1_0,x\n", "line 2, column 'a': value must be a number, got '1_0'"),
    "decimal comma": ("a;t\n1,5;x\n", "line 2, column 'a': value must be a number, got '1,5'"),
    "missing": ("a,b,t\n1,2,x\n1,,y\n", "line 3, column 'b': value must not be missing, got ''"),
    "blank": ("a,b,t\n1,  ,y\n", "line 2, column 'b': value must not be missing, got '  '"),
    "missing target": ("a,t\n1,x\n2,\n", "line 3, column 't': value must not be missing, got ''"),
    "nan": ("a,t\n1,x\nNaN,y\n", "line 3, column 'a': value must be finite, got 'NaN'"),
    "inf": ("a,t\n-inf,y\n", "line 2, column 'a': value must be finite, got '-inf'"),
    "overflow": ("a,t\n1e999,y\n", "line 2, column 'a': value must be finite, got '1e999'"),
    "few fields": ("a,b,t\n1,2,x\n\n1,x\n", "line 4: must have 3 fields like the header, got 2"),
    "many fields": ("a,t\n1,x\n2,y,\n", "line 3: must have 2 fields like the header, got 3"),
    "blanks only": ("a,t\n1,x\n   \n", "line 3: must have 2 fields like the header, got 1"),
    "open quote": (
        'a,t\n1,"x\n2,y\n',
        "line 2, column 't': value must be on one line (is a quote left open?), got 'x\\n2,y'",
    ),
    "huge field": (
        "a,t\n1," + "x" * 200_000 + "\nbad,y\n",
        "line 2: field larger than field limit",
    ),
    "utf-16": ("a,t\n1,x\n".encode("utf-16"), "line 1: must be UTF-8 text, got the byte 0xff"),
    "latin-1": (b"a,t\n1,x\n2,caf\xe9\n", "line 3: must be UTF-8 text, got the byte 0xe9"),
}


class TestErrors:
    @pytest.mark.parametrize("name", BAD_FILES)
    def test_bad_file(self, write, name):
        content, message = BAD_FILES[name]
        path = write(content)
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            read_table(path, target="t")
        assert str(caught.value).startswith(path)

    def test_line_after_a_row_of_two_lines(self, write):
        path = write('a,note,t\n1,"two\nlines",x\nbad,,y\n')
        with pytest.raises(DataError, match="line 4, column 'a'"):
            read_table(path, target="t", columns=["a"])

    def test_no_such_file(self, tmp_path):
        with pytest.raises(DataError, match=r"none\.csv: the file does not exist"):
            read_table(str(tmp_path / "none.csv"))

    def test_many_columns_are_not_all_listed(self, write):
        header = ",".join(f"c{number}" for number in range(30))
        with pytest.raises(DataError, match="'c19' and 10 more"):
            read_table(write(f"{header}\n"), target="t")

    @pytest.mark.parametrize("damage", [slice(0, 15), slice(2, None)])
    def test_damaged_gzip(self, write, damage):
        path = write(gzip.compress(b"a,b\n1,2\n" * 100)[damage], "data.csv.gz")
        with pytest.raises(DataError, match="must be a whole gzip file, got damaged data"):
            read_table(path)


class TestBothReaders:
    @given(
        st.lists(
            st.tuples(
                st.floats(allow_nan=False, allow_infinity=False).map(repr)
                | st.sampled_from(
                    ["1", " 2", "+3.", ".5", "0x1", "1e5", "nan", "", "1d3", "\uff11"]
                ),
                st.text("ab,\"; '#é", max_size=4).map(
                    lambda text: '"' + text.replace('"', '""') + '"'
                ),
            ),
            max_size=5,
        )
    )
    def test_they_agree(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("table") / "data.csv"
        lines = ["a,t", *map(",".join, rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
        layout = table_module._choose_columns(table_module.read_header(str(path)), "t", None)
        fast = table_module._read_fast(layout)
        try:
            slow = table_module._read_by_row(layout)
        except DataError:
            assert fast is None
            return
        assert fast is not None
        assert np.array_equal(fast.numbers, slow.numbers)
        assert fast.target == slow.target

    def test_row_line(self, write):
        table = read_table(write('\na,t\n1,"x"\n\n2,y\n3,z\n'), target="t")
        assert [row_line(table, row) for row in range(3)] == [3, 5, 6]

    @pytest.mark.parametrize(("text", "value"), [("1e3", 1000.0), ("1_0", None), ("x", None)])
    def test_parse_number(self, text, value):
        assert parse_number(text) == value


def target_table(write, values):
    return read_table(write("a,t\n" + "".join(f"0,{value}\n" for value in values)), target="t")


class TestTarget:
    @pytest.mark.parametrize(
        ("values", "task"),
        [
            (["x", "y"], "classification"),
            ([0, 1, 1], "classification"),
            (["1.0", "2", "3e0"], "classification"),
            (range(20), "classification"),
            (range(21), "regression"),
            ([0.5, 1, 2], "regression"),
        ],
    )
    def test_task(self, write, values, task):
        assert choose_task(numeric_target(target_table(write, values), "t", "auto")) == task

    def test_text_in_a_column_of_numbers_is_pointed_out(self, write):
        table = target_table(write, [1.5, 2.5, "n/a", 3.5])
        with pytest.raises(DataError, match=r"line 4, column 't': value must be a finite number"):
            numeric_target(table, "t", "auto")
        assert numeric_target(table, "t", "classification") is None

    def test_regression_on_text(self, write):
        table = target_table(write, ["red", "green"])
        with pytest.raises(DataError, match=r"line 2, column 't': value must be .*got 'red'"):
            numeric_target(table, "t", "regression")

    def test_classes_are_sorted_names(self, write):
        table = target_table(write, ["pear", "apple", "pear", "apple"])
        target, labels = encode_classes(table, "t", None)
        assert target == ClassTarget("t", ("apple", "pear"))
        assert labels.tolist() == [1, 0, 1, 0]

    def test_classes_of_numbers_are_sorted_by_value(self, write):
        table = target_table(write, ["10", "9", "9.0", "10", "-1.5", "-1.5"])
        target, labels = encode_classes(table, "t", numeric_target(table, "t", "auto"))
        assert target.classes == ("-1.5", "9", "10")
        assert labels.tolist() == [2, 1, 1, 2, 0, 0]

    def test_one_class(self, write):
        with pytest.raises(DataError, match="must have at least two classes, got only 'x'"):
            encode_classes(target_table(write, ["x", "x"]), "t", None)

    def test_a_name_for_each_row_is_no_class(self, write):
        with pytest.raises(DataError, match="half as many classes as rows, got 3 in 4 rows"):
            encode_classes(target_table(write, ["x", "y", "z", "x"]), "t", None)


class TestStandardization:
    def test_mean_zero_and_deviation_one(self):
        values = np.random.default_rng(0).normal(5, 3, (50, 4))
        scaled = Standardization.of(values).apply(values)
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-14)

    def test_undo(self):
        values = np.random.default_rng(0).normal(5, 3, (50, 4))
        scaling = Standardization.of(values)
        np.testing.assert_allclose(scaling.undo(scaling.apply(values)), values, rtol=1e-13)

    @pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e300, 5e-324])
    def test_constant_column_is_centred_with_scale_one(self, value):
        scaling = Standardization.of(np.full((7, 1), value))
        assert scaling.scale.tolist() == [1.0]
        assert scaling.mean.tolist() == [value]

    def test_huge_numbers_do_not_overflow(self):
        scaling = Standardization.of(np.array([[1e308], [-1e308], [5e307]]))
        assert np.isfinite(scaling.mean).all()
        assert np.isfinite(scaling.scale).all()


class TestSplit:
    @given(
        st.lists(st.integers(0, 3), min_size=1, max_size=60),
        st.floats(0, 0.99),
        st.integers(0, 5),
    )
    def test_parts_are_complete_and_in_proportion(self, classes, fraction, seed):
        labels = np.array(classes)
        kept, aside = set_aside(labels, fraction, np.random.default_rng(seed))
        assert sorted([*kept, *aside]) == list(range(len(labels)))
        assert set(labels[kept]) == set(classes)
        assert len(aside) == min(round(fraction * len(labels)), len(labels) - len(set(classes)))

    def test_each_class_gives_its_share(self):
        labels = np.repeat([0, 1, 2], [600, 300, 100])
        _, aside = set_aside(labels, 0.2, np.random.default_rng(0))
        np.testing.assert_allclose(np.bincount(labels[aside]), [120, 60, 20], atol=1)

    def test_seed_decides(self):
        labels = np.zeros(100, dtype=np.int64)
        parts = [set_aside(labels, 0.3, np.random.default_rng(seed))[1] for seed in (0, 0, 1)]
        assert np.array_equal(parts[0], parts[1])
        assert not np.array_equal(parts[0], parts[2])
