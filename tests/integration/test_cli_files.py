"""Tables of every format, columns of every kind, and missing values, from a file to an answer."""

import csv
import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clitables import QUICK, fails, number_rows, write_table

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.missing import fill_of, filled
from fastbp.cli.tables.table import RowOrigin, Table, Words

pytestmark = pytest.mark.usefixtures("folder")


def mixed_rows(n_rows=400, seed=0):
    """Rows of a price by area and town: y = 10 area + 300 in Hue, with a little noise."""
    rng = np.random.default_rng(seed)
    area = rng.uniform(20, 120, n_rows)
    town = rng.choice(["Hue", "Hanoi", "Vinh"], n_rows)
    price = 10 * area + 300 * (town == "Hue") + rng.normal(0, 5, n_rows)
    return area, town, price


def mixed_table(path="mixed.csv", n_rows=400):
    columns = zip(*(column.tolist() for column in mixed_rows(n_rows)), strict=True)
    return write_table(Path(path), ["area", "town", "price"], list(columns))


def result(capsys, *words):
    """Run a training and return what machines are told."""
    capsys.readouterr()
    assert main(["train", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class TestFormats:
    @pytest.fixture
    def straight(self, houses, capsys):
        return result(capsys, houses, "--target", "price", *QUICK)

    def prices(self):
        header, rows = number_rows()
        return header, np.array(rows, dtype=np.float64)

    def same(self, capsys, straight, path, target="price"):
        found = result(capsys, path, "--target", target, "--save", "other.fastbp", *QUICK)
        assert found["test"] == straight["test"]
        assert np.array_equal(fb.load("other.fastbp").params, fb.load("houses.fastbp").params)

    def test_tsv(self, capsys, straight):
        write_table(Path("h.tsv"), *number_rows(), delimiter="\t")
        self.same(capsys, straight, "h.tsv")

    def test_gzip(self, capsys, straight):
        Path("h.csv.gz").write_bytes(gzip.compress(Path("houses.csv").read_bytes()))
        self.same(capsys, straight, "h.csv.gz")

    def test_parquet(self, capsys, straight):
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        header, rows = self.prices()
        parquet.write_table(pa.table(dict(zip(header, rows.T, strict=True))), "h.parquet")
        self.same(capsys, straight, "h.parquet")

    def test_npz_of_x_and_y(self, capsys, straight):
        _, rows = self.prices()
        np.savez("h.npz", x=rows[:, :2], y=rows[:, 2])
        found = result(capsys, "h.npz", "--save", "other.fastbp", *QUICK)
        assert found["test"] == straight["test"]
        assert list(found["columns"]) == ["x0", "x1"]

    def test_npz_of_columns(self, capsys, straight):
        header, rows = self.prices()
        np.savez("h.npz", **dict(zip(header, rows.T, strict=True)))
        self.same(capsys, straight, "h.npz")

    def test_npy(self, capsys, straight):
        np.save("h.npy", self.prices()[1])
        self.same(capsys, straight, "h.npy", target="2")

    def test_npy_with_fields(self, capsys, straight):
        header, rows = self.prices()
        records = np.zeros(len(rows), dtype=[(name, "f8") for name in header])
        for name, column in zip(header, rows.T, strict=True):
            records[name] = column
        np.save("h.npy", records)
        self.same(capsys, straight, "h.npy")

    def test_words_in_parquet_and_npz(self, capsys):
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        area, town, price = mixed_rows()
        words = ["--target", "price", "--save", "m.fastbp", *QUICK]
        straight = result(capsys, mixed_table(), *words)
        table = pa.table({"area": area, "town": pa.array(town.tolist()), "price": price})
        parquet.write_table(table, "m.parquet")
        np.savez("m.npz", area=area, town=town, price=price)
        encoded = table.set_column(1, "town", table["town"].dictionary_encode())
        parquet.write_table(encoded, "e.parquet")
        for path in ("m.parquet", "m.npz", "e.parquet"):
            found = result(capsys, path, *words)
            assert found["columns"] == {"area": "numeric", "town": "categorical"}
            assert found["test"] == straight["test"]

    def test_missing_values_of_parquet_are_named_by_row(self, capsys):
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        table = pa.table({"a": [1, 2, None, 4], "flag": [True, False, True, None], "t": [0.5] * 4})
        parquet.write_table(table, "m.parquet")
        message = fails(capsys, 1, "train", "m.parquet", "--target", "t")
        assert "m.parquet, row 3, column 'a': value must not be missing, got 'nan'" in message
        words = pa.table({"town": ["Hue", None, "Hanoi", "Hue"], "t": [0.5, 1.5, 2.5, 3.5]})
        parquet.write_table(words, "w.parquet")
        message = fails(capsys, 1, "train", "w.parquet", "--target", "t")
        assert "w.parquet, row 2, column 'town': value must not be missing, got ''" in message

    @pytest.mark.parametrize(
        ("name", "arrays", "message"),
        [
            ("a.npz", {"x": np.zeros((3, 2)), "y": np.zeros(4)}, "3 in 'x', 4 in 'y'"),
            ("a.npz", {"x": np.zeros(3), "y": np.float64(1)}, "y must have rows, got a single"),
            ("a.npz", {"x": np.zeros((3, 2)), "x0": np.zeros(3), "y": np.zeros(3)}, "'x0' twice"),
            ("a.npz", {"x": np.zeros(3, "c8"), "y": np.arange(3)}, "column 'x': must hold numbers"),
        ],
    )
    def test_arrays_that_are_no_table(self, capsys, name, arrays, message):
        np.savez(name, **arrays)
        assert message in fails(capsys, 1, "train", name, "--target", "y")

    @pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.parquet"])
    def test_damaged_file(self, capsys, name):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        Path(name).write_bytes(b"not that")
        assert f"{name}: must be a" in fails(capsys, 1, "train", name, "--target", "y")
        assert "none" in fails(capsys, 1, "train", f"none{name[1:]}", "--target", "y")

    def test_no_objects_are_unpickled(self, capsys):
        np.save("a.npy", np.array([{}, {}], dtype=object))
        assert "a.npy: must be arrays" in fails(capsys, 1, "train", "a.npy", "--target", "0")

    def test_parquet_column_of_another_kind(self, capsys):
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        day = pa.array([0, 1], pa.date32())
        parquet.write_table(pa.table({"day": day, "t": [1.5, 2.5]}), "d.parquet")
        message = fails(capsys, 1, "train", "d.parquet", "--target", "t")
        assert "column 'day': must hold numbers or text, got date32[day]" in message

    def test_parquet_without_pyarrow(self, capsys, monkeypatch):
        Path("a.parquet").write_bytes(b"PAR1")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert "needs pyarrow" in fails(capsys, 2, "train", "a.parquet", "--target", "y")


class TestKinds:
    def test_text_is_categorical(self, capsys):
        found = result(capsys, mixed_table(), "--target", "price", "--hidden", "8")
        assert found["columns"] == {"area": "numeric", "town": "categorical"}
        assert found["test"]["r2"] > 0.98
        columns = fb.load("mixed.fastbp").inputs
        assert columns.output_names == ("area", "town=Hanoi", "town=Hue", "town=Vinh")

    def test_kinds_are_reported(self, capsys):
        main(["train", mixed_table(), "--target", "price", *QUICK])
        assert "columns: 1 numeric, 1 categorical ('town')\n" in capsys.readouterr().out

    def test_categorical_and_ignore(self, capsys):
        rows = [[f"{i % 3:02}", str(i), "x" if i % 3 else "y"] for i in range(60)]
        path = write_table(Path("zip.csv"), ["zip", "id", "t"], rows)
        words = ["--target", "t", "--categorical", "zip", "--ignore", "id", "--hidden", "none"]
        found = result(capsys, path, *words)
        assert found["columns"] == {"zip": "categorical"}
        assert fb.load("zip.fastbp").inputs.output_names == ("zip=00", "zip=01", "zip=02")
        assert found["test"]["accuracy"] == 1

    @pytest.mark.parametrize("flag", ["--categorical", "--ignore"])
    def test_no_such_column(self, capsys, flag):
        message = fails(capsys, 1, "train", mixed_table(), "--target", "price", flag, "street")
        assert "must have a column 'street', got the columns 'area'" in message

    def test_no_column_left(self, capsys):
        words = ["--target", "price", "--ignore", "area", "--ignore", "town"]
        message = fails(capsys, 1, "train", mixed_table(), *words)
        assert "must have a column besides the target 'price', got none" in message

    def test_a_name_for_each_row_is_no_category(self, capsys):
        rows = [[f"name {i}", str(i % 2)] for i in range(600)]
        path = write_table(Path("names.csv"), ["name", "t"], rows)
        message = fails(capsys, 1, "train", path, "--target", "t")
        assert "column 'name': must have at most 256 categories, got 432" in message
        assert "--ignore 'name'" in message

    def test_a_data_frame_is_predicted_as_the_file(self, capsys):
        pandas = pytest.importorskip("pandas")
        path = mixed_table()
        result(capsys, path, "--target", "price", *QUICK)
        main(["predict", "mixed.fastbp", path])
        answers = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        frame = pandas.read_csv(path)[["price", "town", "area"]]
        outputs = fb.load("mixed.fastbp").predict(frame)[:, 0]
        assert [float(row["prediction"]) for row in answers] == outputs.tolist()

    def test_a_category_that_was_not_seen_is_noted(self, capsys):
        result(capsys, mixed_table(), "--target", "price", *QUICK)
        write_table(Path("new.csv"), ["area", "town"], [["50", "Hue"], ["50", "Paris"]])
        assert main(["predict", "mixed.fastbp", "new.csv"]) == 0
        captured = capsys.readouterr()
        assert len(captured.out.splitlines()) == 3
        assert "note: 1 values are categories that the model does not know" in captured.err


class TestMissing:
    @pytest.fixture
    def gaps(self):
        """Return a file of 400 rows: every tenth without its area, every 40th without its town."""
        area, town, price = (column.tolist() for column in mixed_rows())
        rows = [
            ["?" if i % 10 == 0 else area[i], "" if i % 40 == 1 else town[i], price[i]]
            for i in range(len(area))
        ]
        return write_table(Path("gaps.csv"), ["area", "town", "price"], rows)

    def test_refused_by_line_and_column(self, gaps, capsys):
        message = fails(capsys, 1, "train", gaps, "--target", "price")
        assert "line 2, column 'area': value must not be missing, got '?'" in message
        assert "--missing mean or drop" in message

    def test_refused_in_the_target(self, capsys):
        rows = [["1", "x"], ["2", "y"], ["3", "NA"]]
        path = write_table(Path("t.csv"), ["a", "t"], rows)
        message = fails(capsys, 1, "train", path, "--target", "t")
        assert "line 4, column 't': value must not be missing, got 'NA'" in message

    def test_drop(self, gaps, capsys):
        found = result(capsys, gaps, "--target", "price", "--missing", "drop", *QUICK)
        assert found["rows"]["left_out"] == 50
        assert found["rows"]["all"] == 350
        assert "must not be missing" in fails(capsys, 1, "predict", "gaps.fastbp", gaps)

    def test_mean(self, gaps, capsys):
        found = result(capsys, gaps, "--target", "price", "--missing", "mean", *QUICK)
        assert (found["rows"]["filled_values"], found["rows"]["left_out"]) == (50, 0)
        fill = fb.load("gaps.fastbp").metadata["table"]["fill"]
        area, town, _ = mixed_rows()
        present = area[np.arange(len(area)) % 10 != 0].mean()
        assert 1e-6 < abs(fill["area"] - present) < 5, "of the training rows, not of all"
        names, counts = np.unique(town, return_counts=True)
        assert fill["town"] in names[counts > counts.min()]
        # What is missing counts as what fills it, and the mean as 0 for the network.
        write_table(Path("a.csv"), ["area", "town"], [["NA", "Hue"], ["50", ""]])
        rows = [[repr(fill["area"]), "Hue"], ["50", fill["town"]]]
        write_table(Path("b.csv"), ["area", "town"], rows)
        answers = []
        for path in ("a.csv", "b.csv"):
            assert main(["predict", "gaps.fastbp", path]) == 0
            answers.append(capsys.readouterr().out)
        assert answers[0] == answers[1]

    def test_the_most_frequent_category_fills(self):
        words = Words.of(np.array([0, 1, 1, 2, -1], dtype=np.int32), ["a", "b", "c"])
        table = Table("t.csv", {"t": words, "n": np.array([1, 2, np.nan, 6, np.nan])}, RowOrigin())
        assert fill_of(table) == {"t": "b", "n": 3.0}
        full = filled(table, {"t": "new", "n": 3.0}).plain()
        assert full["t"] == ["a", "b", "b", "c", "new"]
        assert full["n"].tolist() == [1, 2, 3, 6, 3]

    def test_rows_without_a_target_are_never_filled(self, capsys):
        rows = [[str(i), "" if i % 5 == 0 else f"{i}.5"] for i in range(100)]
        path = write_table(Path("t.csv"), ["a", "t"], rows)
        found = result(capsys, path, "--target", "t", "--missing", "mean", *QUICK)
        assert found["rows"]["left_out"] == 20

    def test_a_column_of_nothing(self, capsys):
        rows = [["", str(i), f"{i}.5"] for i in range(100)]
        path = write_table(Path("t.csv"), ["a", "b", "t"], rows)
        message = fails(capsys, 1, "train", path, "--target", "t", "--missing", "mean")
        assert "column 'a': must have values in the training rows, got none" in message
        message = fails(capsys, 1, "train", path, "--target", "t", "--missing", "drop")
        assert "must have rows without missing values, got none" in message

    def test_evaluate_may_leave_rows_out(self, gaps, capsys):
        result(capsys, gaps, "--target", "price", "--missing", "drop", *QUICK)
        assert main(["evaluate", "gaps.fastbp", gaps, "--missing", "drop", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["rows"], found["left_out"]) == (350, 50)
