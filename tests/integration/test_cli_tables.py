"""Reading delimited text by every reader: the same columns, and the same error for a bad file."""

import gzip
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbp.cli.errors import DataError
from fastbp.cli.tables import arrow_csv, pandas_csv, read_names, read_table, rowwise, text
from fastbp.cli.tables.delimited import read_layout
from fastbp.cli.tables.table import EITHER, NUMBERS, WORDS, Words, parse_number

READERS = {"rows": None, "pandas": pandas_csv.read, "pyarrow": arrow_csv.read}


@pytest.fixture(params=READERS)
def reader(request, monkeypatch):
    """Let files of any size be read by one reader, and the fallback of it."""
    if request.param != "rows":
        pytest.importorskip(request.param)
    monkeypatch.setattr(text, "LARGE_BYTES", 0)
    monkeypatch.setattr(text, "fast_reader", lambda: READERS[request.param])
    return request.param


@pytest.fixture
def write(tmp_path):
    """Return a function that writes text or bytes to a file and returns its path."""

    def write_file(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


def read(path, target=None, **kinds):
    """Return all columns of a file as plain lists."""
    names = read_names(path)
    if target is not None and target not in names:
        names.append(target)
    wanted = dict.fromkeys(names) | kinds
    if target is not None:
        wanted[target] = EITHER
    table = read_table(path, wanted)
    return {
        name: column if isinstance(column, list) else column.tolist()
        for name, column in table.plain().items()
    }


@pytest.mark.usefixtures("reader")
class TestReading:
    def test_numbers_and_words(self, write):
        path = write("a,kind,b\n1,x,2.5\n-3e2,y,4\n")
        assert read(path) == {"a": [1, -300], "kind": ["x", "y"], "b": [2.5, 4]}

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_delimiters_and_line_ends(self, write, delimiter, end):
        lines = [["a", "b", "t"], ["1", "2", "u"], ["3", "4", "v"]]
        path = write(end.join(map(delimiter.join, lines)))
        assert read(path) == {"a": [1, 3], "b": [2, 4], "t": ["u", "v"]}

    def test_delimiters_within_quotes_do_not_count(self, write):
        assert list(read(write('"a,b,c";d\n1;2\n'))) == ["a,b,c", "d"]

    def test_quoted_fields(self, write):
        path = write('"a","the ""t"""\n"1","x,y"\n2,"say ""so"""\n')
        assert read(path) == {"a": [1, 2], 'the "t"': ["x,y", 'say "so"']}

    def test_byte_order_mark(self, write):
        assert read(write(b"\xef\xbb\xbfa,b\n1,2\n")) == {"a": [1], "b": [2]}

    def test_gzip(self, write):
        assert read(write(gzip.compress(b"a,b\n1,2\n"), "data.csv.gz")) == {"a": [1], "b": [2]}

    def test_blanks_around_fields_and_blank_lines(self, write):
        path = write("\n a , t \n 1 , x \n\n2,y\n\n")
        assert read(path) == {"a": [1, 2], "t": ["x", "y"]}

    def test_some_columns(self, write):
        path = write("a,note,b\n1,any text,2\n3,,4\n")
        table = read_table(path, {"b": None, "a": NUMBERS})
        assert list(table.columns) == ["b", "a"]
        assert table.plain()["b"].tolist() == [2, 4]

    def test_hash_is_no_comment(self, write):
        assert read(write("a,t\n1,#x\n"))["t"] == ["#x"]

    def test_text_beyond_ascii(self, write):
        assert read(write("giá,loại\n1,nhà phố\n")) == {"giá": [1], "loại": ["nhà phố"]}

    def test_numbers_are_words_where_they_shall_be(self, write):
        path = write("zip,b\n01,2\n1,2\n02,3\n")
        assert read(path, zip=WORDS)["zip"] == ["01", "1", "02"]

    @pytest.mark.parametrize("word", ["", "  ", "NA", "NaN", "nan", "NULL", "null", "None", "?"])
    def test_missing_values(self, write, word):
        path = write(f"a,b,t\n1,2,x\n{word},3,y\n4,5,{word}\n")
        table = read_table(path, dict.fromkeys(["a", "b", "t"]))
        np.testing.assert_array_equal(table.columns["a"], [1, np.nan, 4])
        assert table.columns["t"].codes.tolist() == [0, 1, -1]
        assert table.columns["t"].words == ("x", "y")

    def test_words_after_many_numbers(self, write):
        head = "".join(f"{row}.0,{row}\n" for row in range(3000))
        rows = "".join(f"word{row % 2},{row}\n" for row in range(9000))
        found = read(write("a,b\n" + head + rows))
        assert found["a"][:2] == ["0.0", "1.0"]
        assert found["a"][2999:3001] == ["2999.0", "word0"]
        assert len(found["a"]) == 12_000
        assert found["b"][-1] == 8999

    def test_half_digits(self, write):
        texts = ["0.1", "1e23", "9007199254740993", "2.2250738585072011e-308", "123456789012345678"]
        texts += ["1.7976931348623157e308", "5e-324", "8.5899345925e9", "0.30000000000000004"]
        found = read(write("a,b\n" + "".join(f"{word},1\n" for word in texts)))
        assert found["a"] == list(map(float, texts))


BAD_FILES = {
    "empty file": ("", "must have a header row, got an empty file"),
    "blank file": ("\n\n", "must have a header row, got an empty file"),
    "header only": ("a,t\n", "must have rows of data after the header, got none"),
    "no such column": ("a,b\n1,2\n", "must have a column 't', got the columns 'a', 'b'"),
    "nameless column": (",a,t\n0,1,2\n", "every column must have a name, got none for column 1"),
    "same name twice": ("a,a,t\n0,1,2\n", "column names must be unique, got 'a' twice"),
    "text": (
        "a,t\n1,x\ntwo,y\n3,x\n",
        "line 3, column 'a': value must be a number, got 'two' (--categorical 'a' if",
    ),
    "underscore": ("a,t\n1_0,x\n1,x\n", "line 2, column 'a': value must be a number, got '1_0'"),
    "decimal comma": (
        "a;t\n1;x\n1,5;x\n",
        "line 3, column 'a': value must be a number, got '1,5'",
    ),
    "inf": ("a,t\n-inf,y\n", "line 2, column 'a': value must be finite, got '-inf'"),
    "overflow": ("a,t\n1e999,y\n", "line 2, column 'a': value must be finite, got '1e999'"),
    "few fields": ("a,b,t\n1,2,x\n\n1,x\n", "line 4: must have 3 fields like the header, got 2"),
    "many fields": ("a,t\n1,x\n2,y,\n", "line 3: must have 2 fields like the header, got 3"),
    "blanks only": ("a,t\n1,x\n   \n", "line 3: must have 2 fields like the header, got 1"),
    "open quote": (
        'a,t\n1,"x\n2,y\n',
        "line 2, column 't': value must be on one line, got 'x\\n2,y\\n' (is a quote left open?)",
    ),
    "huge field": (
        "a,t\n1," + "x" * 200_000 + "\nbad,y\n",
        "line 2: field larger than field limit",
    ),
    "utf-16": ("a,t\n1,x\n".encode("utf-16"), "line 1: must be UTF-8 text, got the byte 0xff"),
    "latin-1": (b"a,t\n1,x\n2,caf\xe9\n", "line 3: must be UTF-8 text, got the byte 0xe9"),
}


@pytest.mark.usefixtures("reader")
class TestErrors:
    @pytest.mark.parametrize("name", BAD_FILES)
    def test_bad_file(self, write, name):
        content, message = BAD_FILES[name]
        path = write(content)
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            read(path, target="t")
        assert str(caught.value).startswith(path)

    def test_line_after_a_row_of_two_lines(self, write):
        path = write('a,note,t\n1,"two\nlines",x\nbad,,y\n3,,y\n')
        with pytest.raises(DataError, match="line 4, column 'a'"):
            read_table(path, {"a": None})

    def test_the_first_row_at_fault_is_named(self, write):
        path = write("a,b,c\n1,2,x\n3,4,y\n5,inf,z\ninf,8,x\n")
        with pytest.raises(DataError, match="line 4, column 'b': value must be finite"):
            read_table(path, dict.fromkeys(["a", "b", "c"]))

    def test_a_number_that_must_be_one(self, write):
        path = write("a,b\nx,1\n1,2\ny,z\n")
        with pytest.raises(DataError, match="line 4, column 'b': value must be a number, got 'z'"):
            read_table(path, {"b": NUMBERS})

    def test_no_such_file(self, tmp_path):
        with pytest.raises(DataError, match=r"none\.csv: the file does not exist"):
            read(str(tmp_path / "none.csv"))

    def test_many_columns_are_not_all_listed(self, write):
        header = ",".join(f"c{number}" for number in range(30))
        with pytest.raises(DataError, match="'c19' and 10 more"):
            read(write(f"{header}\n"), target="t")

    @pytest.mark.parametrize("damage", [slice(0, 15), slice(2, None)])
    def test_damaged_gzip(self, write, damage):
        path = write(gzip.compress(b"a,b\n1,2\n" * 100)[damage], "data.csv.gz")
        with pytest.raises(DataError, match="must be a whole gzip file, got damaged data"):
            read(path)


NUMBER = st.floats(allow_nan=False, allow_infinity=False).map(repr)
NUMBER |= st.decimals(-1000, 1000, places=3).map(str) | st.integers(-(10**19), 10**19).map(str)
ODD = st.sampled_from(
    [
        *("1", " 2", "3 ", "+3.", ".5", "0x1", "1e5", "nan", "", "NA", " ?", "1d3", "\uff11"),
        *("-nan", "1_0", "true", "2020-01-01", "12:30", "x", "Infinity", "-0", "1e-400", "\t7"),
        *("inf", "0b1"),
    ]
)
WORD = st.text("ab,\"; '#é\t1", max_size=4)
QUOTED = WORD.map(lambda word: '"' + word.replace('"', '""') + '"')
FIELDS = st.tuples(NUMBER | ODD, QUOTED | st.text("ab; '#é\t1\"", max_size=3) | ODD, NUMBER | ODD)


def columns_or_error(reading, layout, kinds):
    """Return what a reader comes to, in a form that can be compared."""
    try:
        found = reading(layout, kinds)
    except DataError as error:
        return str(error)
    if found is None:
        return None
    return {
        name: (column.codes.tolist(), column.words)
        if isinstance(column, Words)
        else column.tobytes()
        for name, column in found.items()
    }


class TestReadersAgree:
    @pytest.mark.parametrize("package", ["pyarrow", "pandas"])
    @given(st.lists(FIELDS, max_size=5), st.sampled_from(["\n", "\r\n", "\r"]))
    def test_on_any_file(self, tmp_path_factory, package, rows, end):
        pytest.importorskip(package)
        path = tmp_path_factory.mktemp("table") / "data.csv"
        lines = ["a,t,b", *map(",".join, rows)]
        path.write_bytes(end.join(lines).encode())
        layout = read_layout(str(path))
        kinds = dict.fromkeys(layout.names)
        fast = columns_or_error(READERS[package], layout, rowwise.guess(layout, kinds))
        if fast is not None:
            assert fast == columns_or_error(rowwise.read, layout, kinds)

    @pytest.mark.parametrize("package", ["pyarrow", "pandas"])
    def test_on_plain_files_without_the_slow_one(self, write, package):
        pytest.importorskip(package)
        rng = np.random.default_rng(0)
        values = np.concatenate([rng.normal(size=3000), 10.0 ** rng.integers(-300, 300, 1000)])
        words = rng.choice(["red", "green", ""], len(values))
        lines = [f"{v!r},{w},{v:.5g},1" for v, w in zip(values.tolist(), words, strict=True)]
        layout = read_layout(write("\n".join(["a,b,c,d", *lines])))
        kinds = dict.fromkeys(layout.names)
        fast = columns_or_error(READERS[package], layout, rowwise.guess(layout, kinds))
        assert fast == columns_or_error(rowwise.read, layout, kinds)

    @pytest.mark.parametrize(("text", "value"), [("1e3", 1000.0), ("1_0", None), ("x", None)])
    def test_parse_number(self, text, value):
        assert parse_number(text) == value


def test_the_row_reader_takes_no_more_memory_for_a_longer_file(write):
    extra = []
    for n_rows in (20_000, 80_000):
        path = write("a,b,word\n" + "1.5,2.25,red\n-3.5,1e10,blue\n" * (n_rows // 2))
        layout = read_layout(path)
        tracemalloc.start()
        columns = rowwise.read(layout, dict.fromkeys(layout.names))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        kept = sum(column.nbytes for column in (columns["a"], columns["b"]))
        extra.append(peak - kept - columns["word"].codes.nbytes)
    assert extra[1] < extra[0] + 100_000


def test_a_large_file_is_read_by_the_fast_reader(write, monkeypatch):
    called = []

    def fast(layout, kinds):
        called.append(kinds)
        return {"a": np.array([7.0]), "b": np.array([8.0])}

    monkeypatch.setattr(text, "LARGE_BYTES", 10)
    monkeypatch.setattr(text, "fast_reader", lambda: fast)
    assert read(write("a,b\n1,2\n3,4\n")) == {"a": [7], "b": [8]}
    assert read(write("a,b\n1,2\n")) == {"a": [1], "b": [2]}
    assert called == [{"a": NUMBERS, "b": NUMBERS}]
