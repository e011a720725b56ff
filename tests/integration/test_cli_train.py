"""`fastbp train`: what it prints, what its options do, what it saves."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from clitables import QUICK, class_rows, epoch_rows, figure, write_table

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.epochs import EpochTable
from fastbp.datasets import DIGITS_PATH

pytestmark = pytest.mark.usefixtures("folder")


class TestTrain:
    def test_bundled_digits(self, capsys):
        assert main(["train"]) == 0
        output = capsys.readouterr().out
        assert figure(output, "accuracy") >= 0.97
        epochs = [int(row["epoch"]) for row in epoch_rows(output)]
        assert epochs == list(range(1, len(epochs) + 1))
        assert re.search(r"^time \d+\.\d\d s$", output, re.M)
        assert output.endswith("model saved to fastbp-digits.fastbp\n")
        assert fb.load("fastbp-digits.fastbp").sizes == [64, 256, 10]

    def test_same_seed_same_model(self, trees):
        for name in ("one.fastbp", "two.fastbp"):
            assert main(["train", trees, "--target", "tree", "--save", name, *QUICK]) == 0
        assert np.array_equal(fb.load("one.fastbp").params, fb.load("two.fastbp").params)

    def test_classification(self, trees, capsys):
        assert main(["train", trees, "--target", "tree", "--hidden", "16"]) == 0
        output = capsys.readouterr().out
        assert "300 rows (216 training, 24 validation, 60 test)" in output
        assert "3 columns, target 'tree': 3 classes" in output
        assert figure(output, "accuracy") >= 0.97
        assert "trees.fastbp" in output

    def test_regression(self, houses, capsys):
        assert main(["train", houses, "--target", "price"]) == 0
        output = capsys.readouterr().out
        assert "target 'price': a number" in output
        assert figure(output, "R2") >= 0.99
        assert figure(output, "mean absolute error") <= 20  # the prices spread by about 450

    def test_integer_target_is_classes_unless_told(self, tmp_path, capsys):
        rows = [[str(value), str(value % 3)] for value in range(60)]
        path = write_table(tmp_path / "few.csv", ["a", "t"], rows)
        assert main(["train", path, "--target", "t", *QUICK]) == 0
        assert "3 classes" in capsys.readouterr().out
        assert main(["train", path, "--target", "t", "--task", "regression", *QUICK]) == 0
        assert "a number" in capsys.readouterr().out

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("optimizer", ["adam", "sgd"])
    def test_options_reach_the_network(self, trees, dtype, optimizer):
        words = ["--hidden", "5,4", "--activation", "tanh", "--dtype", dtype, "--threads", "1"]
        words += ["--optimizer", optimizer, "--epochs", "2", "--batch-size", "50", "--seed", "3"]
        assert main(["train", trees, "--target", "tree", *words]) == 0
        network = fb.load("trees.fastbp")
        assert network.sizes == [3, 5, 4, 3]
        assert [layer.activation for layer in network.layers] == ["tanh", "tanh", "softmax"]
        assert (network.dtype, network.seed) == (dtype, 3)

    def test_no_hidden_layer(self, trees):
        words = ["--hidden", "none", "--epochs", "2"]
        assert main(["train", trees, "--target", "tree", *words]) == 0
        assert fb.load("trees.fastbp").sizes == [3, 3]

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--epochs", "2"], "2 whole epochs: all --epochs are done"),
            (["--stop-loss", "0.5"], "the training loss is down to --stop-loss"),
            (["--patience", "1", "--learning-rate", "1"], "no lower loss for --patience epochs"),
            (["--max-seconds", "1e-6"], "--max-seconds are over"),
        ],
    )
    def test_stop(self, trees, capsys, words, reason):
        assert main(["train", trees, "--target", "tree", *words]) == 0
        assert reason in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["run.csv", "run.jsonl", "RUN.CSV"])
    def test_log(self, trees, capsys, name):
        assert main(["train", trees, "--target", "tree", "--log", name, *QUICK]) == 0
        output = capsys.readouterr().out
        assert f"log saved to {name}\n" in output
        text = Path(name).read_text(encoding="utf-8")
        if name.lower().endswith(".csv"):
            lines = list(csv.DictReader(io.StringIO(text)))
        else:
            lines = [json.loads(line) for line in text.splitlines()]
        assert [int(line["epoch"]) for line in lines] == [1, 2, 3]
        assert list(lines[0]) == [
            *("epoch", "loss", "validation_loss", "validation_accuracy", "learning_rate"),
            *("seconds", "rows_per_second"),
        ]
        for column, title in {"loss": "loss", "validation_loss": "validation loss"}.items():
            printed = [row[title] for row in epoch_rows(output)]
            assert [f"{float(line[column]):#.4g}" for line in lines] == printed

    def test_best_epoch_on_validation_rows_is_kept(self, houses, capsys):
        words = ["--learning-rate", "0.1", "--epochs", "12", "--hidden", "8"]
        assert main(["train", houses, "--target", "price", *words]) == 0
        output = capsys.readouterr().out
        losses = [float(row["validation loss"]) for row in epoch_rows(output)]
        kept = int(re.search(r"kept the parameters of epoch (\d+)", output).group(1))
        assert losses[kept - 1] == min(losses)

    def test_report_is_of_the_parameters_kept(self, houses, capsys):
        words = ["--learning-rate", "0.1", "--epochs", "12", "--hidden", "8", "--log", "run.jsonl"]
        assert main(["train", houses, "--target", "price", "--json", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        lines = [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]
        assert found["best_epoch"] < 12
        kept = lines[found["best_epoch"] - 1]["validation_r2"]
        np.testing.assert_allclose(found["validation"]["r2"], kept, rtol=1e-5)

    def test_best_epoch_is_kept_when_it_is_stopped(self, houses, monkeypatch, capsys):
        words = ["--learning-rate", "0.1", "--epochs", "12", "--hidden", "8"]
        assert main(["train", houses, "--target", "price", *words]) == 0
        whole = fb.load("houses.fastbp").params

        def interrupt(table, training):
            if training.epoch == 12:
                raise KeyboardInterrupt

        monkeypatch.setattr(EpochTable, "after_epoch", interrupt)
        capsys.readouterr()
        words = ["--save", "part.fastbp", "--json", *words]
        assert main(["train", houses, "--target", "price", *words]) == 130
        found = json.loads(capsys.readouterr().out)
        assert found["stop_reason"] == "interrupted"
        assert found["best_epoch"] < 12
        assert np.array_equal(fb.load("part.fastbp").params, whole)

    def test_training_on_all_rows(self, trees, capsys):
        words = ["--test-fraction", "0", "--validation-fraction", "0", *QUICK]
        assert main(["train", trees, "--target", "tree", *words]) == 0
        output = capsys.readouterr().out
        assert "300 rows (300 training, 0 validation, 0 test)" in output
        assert "test: no rows were held out" in output
        assert "validation loss" not in output

    def test_scaling_comes_from_the_training_rows_alone(self, tmp_path):
        header, rows = class_rows()
        path = write_table(tmp_path / "trees.csv", header, rows)
        assert main(["train", path, "--target", "tree", *QUICK]) == 0
        columns = fb.load("trees.fastbp").inputs.columns
        everything = np.array([row[:-1] for row in rows], dtype=float).mean(axis=0)
        means = [column.mean for column in columns]
        assert not np.array_equal(means, everything)
        np.testing.assert_allclose(means, everything, rtol=0.5)
        assert (columns[1].mean, columns[1].scale) == (7, 1)

    def test_digits_as_a_file_of_the_user(self, capsys):
        assert main(["train", str(DIGITS_PATH), "--target", "digit", *QUICK]) == 0
        assert "model saved to digits.fastbp" in capsys.readouterr().out
