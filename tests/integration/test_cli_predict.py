"""`fastbp predict` and `fastbp evaluate`: answers in the file's own terms."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from clitables import CENTRES, QUICK, class_rows, number_rows, write_table

from fastbp.cli import main
from fastbp.cli.record import load_model
from fastbp.datasets import DIGITS_PATH, load_digits

pytestmark = pytest.mark.usefixtures("folder")


class TestPredict:
    def predictions(self, capsys, *words):
        capsys.readouterr()
        assert main(["predict", *words]) == 0
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    def test_classes_are_those_in_memory(self, trees, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        rows = self.predictions(capsys, "trees.fastbp", trees, "--probabilities")
        model = load_model("trees.fastbp")
        outputs = model.predict(model.read(trees))
        assert [row["prediction"] for row in rows] == model.target.decode(outputs)
        assert list(rows[0]) == ["prediction", *(f"probability_{name}" for name in sorted(CENTRES))]
        read = np.array([[row[f"probability_{name}"] for name in sorted(CENTRES)] for row in rows])
        assert np.array_equal(read.astype(np.float32), outputs)

    def test_classes_are_right(self, trees, tmp_path, capsys):
        main(["train", trees, "--target", "tree", "--hidden", "16"])
        header, rows = class_rows(seed=1)
        new = write_table(tmp_path / "new.csv", header[:-1], [row[:-1] for row in rows])
        answers = [row["prediction"] for row in self.predictions(capsys, "trees.fastbp", new)]
        assert np.mean([a == row[-1] for a, row in zip(answers, rows, strict=True)]) >= 0.97

    def test_numbers_are_on_the_scale_of_the_target(self, houses, tmp_path, capsys):
        main(["train", houses, "--target", "price"])
        header, rows = number_rows(seed=1)
        new = write_table(tmp_path / "new.csv", header, rows)
        answers = np.array(
            [float(row["prediction"]) for row in self.predictions(capsys, "houses.fastbp", new)]
        )
        prices = np.array([float(row[-1]) for row in rows])
        assert np.abs(answers - prices).mean() <= 20
        model = load_model("houses.fastbp")
        assert np.array_equal(answers, model.predict(model.read(new))[:, 0])

    def test_integer_classes_are_written_as_integers(self, capsys):
        main(["train", "--epochs", "5"])
        rows = self.predictions(capsys, "fastbp-digits.fastbp", str(DIGITS_PATH))
        _, y = load_digits()
        assert np.mean(np.array([int(row["prediction"]) for row in rows]) == y) >= 0.97

    def test_columns_are_found_by_name(self, trees, tmp_path, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        header, rows = class_rows()
        straight = self.predictions(capsys, "trees.fastbp", trees)
        mixed = write_table(
            tmp_path / "mixed.csv",
            ["note", *header[::-1]],
            [["", *row[:0:-1], row[0]] for row in rows],
        )
        assert self.predictions(capsys, "trees.fastbp", mixed) == straight

    def test_delimiter_and_byte_order_mark(self, trees, tmp_path, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        other = write_table(tmp_path / "o.csv", *class_rows(), delimiter=";", encoding="utf-8-sig")
        straight = self.predictions(capsys, "trees.fastbp", trees)
        assert self.predictions(capsys, "trees.fastbp", other) == straight

    def test_output_file(self, trees, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        straight = self.predictions(capsys, "trees.fastbp", trees)
        assert main(["predict", "trees.fastbp", trees, "--output", "out.csv"]) == 0
        assert capsys.readouterr().out == ""
        with Path("out.csv").open(newline="", encoding="utf-8") as file:
            assert list(csv.DictReader(file)) == straight

    def test_class_names_with_delimiters_and_quotes(self, tmp_path, capsys):
        names = ['say "no"', "a, b", "nhà phố"]
        rows = [[str(i), names[i % 3]] for i in range(60)]
        path = write_table(tmp_path / "odd.csv", ["a", "t"], rows)
        main(["train", path, "--target", "t", *QUICK])
        answers = {row["prediction"] for row in self.predictions(capsys, "odd.fastbp", path)}
        assert answers <= set(names)
