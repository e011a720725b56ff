"""The console command end to end: train on a table, predict from a file, and every way to fail."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.predict import load_model
from fastbp.cli.table import read_table
from fastbp.datasets import DIGITS_PATH, load_digits

CENTRES = {"ash": (0.0, 0.0), "birch": (3.0, 0.0), "cedar": (0.0, 3.0)}
QUICK = ["--hidden", "8", "--epochs", "3"]


def class_rows(n_rows=300, seed=0):
    """Three clouds of points in units far apart, and a column that never changes."""
    rng = np.random.default_rng(seed)
    names = sorted(CENTRES)
    rows = []
    for _ in range(n_rows):
        name = names[rng.integers(len(names))]
        a, b = rng.normal(CENTRES[name], 0.5)
        rows.append([f"{1e6 + 1e5 * a:.3f}", "7", f"{1e-3 * b:.9f}", name])
    return ["length", "same", "width", "tree"], rows


def number_rows(n_rows=1000, seed=0):
    """Rows of a smooth surface y = 1000 + 300 a - 200 b + 150 a b with a little noise."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-2, 2, (2, n_rows))
    y = 1000 + 300 * a - 200 * b + 150 * a * b + rng.normal(0, 5, n_rows)
    columns = zip(a.tolist(), b.tolist(), y.tolist(), strict=True)
    return ["a", "b", "price"], [list(map(repr, row)) for row in columns]


def write_table(path, header, rows, delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def figure(output, name):
    """Return the number after a name on the line of the held-out rows."""
    line = next(line for line in output.splitlines() if line.startswith("test "))
    return float(re.search(rf"{name} (\S+)", line).group(1))


def fails(capsys, code, *words):
    """Run a command that must fail; return its one line of complaint."""
    assert main([str(word) for word in words]) == code
    message = capsys.readouterr().err
    assert message.startswith("fastbp: error: ")
    assert message.count("\n") == 1
    return message


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trees(tmp_path):
    return write_table(tmp_path / "trees.csv", *class_rows())


@pytest.fixture
def houses(tmp_path):
    return write_table(tmp_path / "houses.csv", *number_rows())


class TestTrain:
    def test_bundled_digits(self, capsys):
        assert main(["train"]) == 0
        output = capsys.readouterr().out
        assert figure(output, "accuracy") >= 0.97
        epochs = re.findall(
            r"^epoch +(\d+)/500  loss \S+  validation loss \S+  accuracy \S+  \S+ s$", output, re.M
        )
        assert list(map(int, epochs)) == list(range(1, len(epochs) + 1))
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
            *("epoch", "loss", "validation_loss", "learning_rate", "seconds", "rows_per_second"),
        ]
        for column, words in {"loss": "  loss", "validation_loss": "validation loss"}.items():
            printed = re.findall(rf"{words} (\S+)", output)
            assert [f"{float(line[column]):.4g}" for line in lines] == printed

    def test_best_epoch_on_validation_rows_is_kept(self, houses, capsys):
        words = ["--learning-rate", "0.1", "--epochs", "12", "--hidden", "8"]
        assert main(["train", houses, "--target", "price", *words]) == 0
        output = capsys.readouterr().out
        losses = [float(value) for value in re.findall(r"validation loss (\S+)", output)]
        kept = int(re.search(r"kept the parameters of epoch (\d+)", output).group(1))
        assert losses[kept - 1] == min(losses)

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
        _, record = load_model("trees.fastbp")
        everything = read_table(path, target="tree").numbers
        assert not np.array_equal(record.scaling.mean, everything.mean(axis=0))
        np.testing.assert_allclose(record.scaling.mean, everything.mean(axis=0), rtol=0.5)
        assert (record.scaling.mean[1], record.scaling.scale[1]) == (7, 1)

    def test_digits_as_a_file_of_the_user(self, capsys):
        assert main(["train", str(DIGITS_PATH), "--target", "digit", *QUICK]) == 0
        assert "model saved to digits.fastbp" in capsys.readouterr().out


class TestPredict:
    def predictions(self, capsys, *words):
        capsys.readouterr()
        assert main(["predict", *words]) == 0
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    def test_classes_are_those_in_memory(self, trees, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        rows = self.predictions(capsys, "trees.fastbp", trees, "--probabilities")
        network, record = load_model("trees.fastbp")
        table = read_table(trees, columns=record.columns)
        outputs = network.predict(record.inputs(table, network.dtype))
        assert [row["prediction"] for row in rows] == record.target.decode(outputs)
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
        network, record = load_model("houses.fastbp")
        x = record.inputs(read_table(new, columns=record.columns), network.dtype)
        assert np.array_equal(answers, record.target.scaling.undo(network.predict(x))[:, 0])

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


class TestBadUsage:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "the following arguments are required: COMMAND (see `fastbp --help`)"),
            (["trian"], "invalid choice: 'trian'"),
            (
                ["train", "--hidden", "64,x"],
                "--hidden: must be whole numbers above 0 such as 64,32",
            ),
            (["train", "--hidden", "0"], "--hidden: must be whole numbers above 0"),
            (["train", "--epochs", "0"], "--epochs: must be a whole number >= 1, got '0'"),
            (["train", "--seed", "-1"], "--seed: must be a whole number >= 0, got '-1'"),
            (
                ["train", "--learning-rate", "0"],
                "--learning-rate: must be a number above 0, got '0'",
            ),
            (
                ["train", "--max-seconds", "inf"],
                "--max-seconds: must be a number above 0, got 'inf'",
            ),
            (["train", "--test-fraction", "1"], "must be at least 0 and below 1, got '1'"),
            (["train", "--activation", "rleu"], "activation must be one of 'identity', "),
            (["train", "--optimizer", "adma"], "--optimizer: invalid choice: 'adma'"),
            (["train", "--target", "digit"], "--target needs a data file, got none"),
            (["train", "--save", "none/m.fastbp"], "--save must be in a folder that exists"),
            (["train", "--save", "."], "--save must be a file other than the data, got ."),
            (["train", "--log", "run.txt"], "--log must end with .csv or .jsonl, got run.txt"),
            (["train", "--log", "csv"], "--log must end with .csv or .jsonl, got csv"),
            (["train", "--log", "none/a.csv"], "--log must be in a folder that exists, got none/a"),
            (
                ["train", "--save", "run.csv", "--log", "./run.csv"],
                "--log must be a file other than the data and the model, got ./run.csv",
            ),
        ],
    )
    def test_words(self, capsys, words, message):
        assert message in fails(capsys, 2, *words)

    def test_target_left_out(self, trees, capsys):
        message = fails(capsys, 2, "train", trees)
        assert "--target must name one of the columns" in message
        assert "'length', 'same', 'width', 'tree'" in message

    def test_model_in_place_of_the_data(self, trees, capsys):
        message = fails(capsys, 2, "train", trees, "--target", "tree", "--save", "trees.csv")
        assert "--save must be a file other than the data" in message

    def test_log_in_place_of_the_data(self, trees, capsys):
        before = Path(trees).read_bytes()
        message = fails(capsys, 2, "train", trees, "--target", "tree", "--log", "trees.csv")
        assert "--log must be a file other than the data and the model" in message
        assert Path(trees).read_bytes() == before

    def test_probabilities_of_a_number(self, houses, capsys):
        main(["train", houses, "--target", "price", *QUICK])
        message = fails(capsys, 2, "predict", "houses.fastbp", houses, "--probabilities")
        assert "--probabilities must come with a model of classes" in message


class TestBadData:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "must have a header row, got an empty file"),
            ("a,t\n", "must have rows of data after the header, got none"),
            ("a,b\n1,2\n", "must have a column 't', got the columns 'a', 'b'"),
            ("a,a,t\n1,2,3\n", "column names must be unique, got 'a' twice"),
            ("a,t\n1,x\nred,y\n", "line 3, column 'a': value must be a number, got 'red'"),
            ("a,t\n1,x\n,y\n", "line 3, column 'a': value must not be missing, got ''"),
            ("a,t\n1,x\ninf,y\n", "line 3, column 'a': value must be finite, got 'inf'"),
            ("a,t\n1,x\n1,y,z\n", "line 3: must have 2 fields like the header, got 3"),
            ("a,t\n1,x\n2,x\n", "column 't': the target must have at least two classes"),
            (
                "a,t\n1,0.5\n2,0.5\n",
                "column 't': the target must have at least two different values",
            ),
            ("a,t\n1,x\n2,y\n3,z\n", "half as many classes as rows, got 3 in 3 rows"),
            ("a,t\n1,0.5\n2,0.7\n", "must have rows enough for a test part of 0.2, got 2"),
            ("a,t\n1,1\n2,2\n3,?\n", "line 4, column 't': value must be a finite number (class"),
        ],
    )
    def test_train(self, tmp_path, capsys, text, message):
        path = tmp_path / "bad.csv"
        path.write_text(text, encoding="utf-8")
        complaint = fails(capsys, 1, "train", path, "--target", "t")
        assert message in complaint
        assert str(path) in complaint
        assert not (tmp_path / "bad.fastbp").exists()

    def test_not_utf8(self, tmp_path, capsys):
        (tmp_path / "bad.csv").write_bytes(b"a,t\n1,caf\xe9\n")
        message = fails(capsys, 1, "train", "bad.csv", "--target", "t")
        assert "bad.csv, line 2: must be UTF-8 text, got the byte 0xe9" in message

    @pytest.mark.parametrize("words", [["--target", "t"], []])
    def test_no_such_file(self, capsys, words):
        assert "none.csv: the file does not exist" in fails(capsys, 1, "train", "none.csv", *words)

    def test_folder_in_place_of_a_file(self, tmp_path, capsys):
        assert "Is a directory" in fails(capsys, 1, "train", tmp_path, "--target", "t")

    def test_divergence(self, trees, capsys):
        words = ["--learning-rate", "1e30", "--target", "tree"]
        message = fails(capsys, 1, "train", trees, *words)
        assert "no model was saved: loss became" in message
        assert "a smaller --learning-rate may help" in message
        assert not Path("trees.fastbp").exists()

    def test_predict_names_the_missing_column(self, trees, tmp_path, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        other = write_table(tmp_path / "other.csv", ["length", "same"], [["1", "7"]])
        message = fails(capsys, 1, "predict", "trees.fastbp", other)
        assert "must have a column 'width', got the columns 'length', 'same'" in message

    def test_predict_on_a_value_beyond_float32(self, trees, tmp_path, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        rows = [["1", "7", "1"], ["1", "7", "1e300"]]
        other = write_table(tmp_path / "other.csv", ["length", "same", "width"], rows)
        message = fails(capsys, 1, "predict", "trees.fastbp", other)
        assert "line 3, column 'width': value must fit float32 after scaling" in message


class TestBadModel:
    def test_no_such_file(self, trees, capsys):
        message = fails(capsys, 1, "predict", "none.fastbp", trees)
        assert "none.fastbp: the file does not exist" in message

    def test_not_a_model(self, trees, capsys):
        assert "trees.csv: " in fails(capsys, 1, "predict", trees, trees)

    def test_network_without_a_table(self, trees, capsys):
        fb.mlp([3, 2]).save("bare.fastbp")
        message = fails(capsys, 1, "predict", "bare.fastbp", trees)
        assert "bare.fastbp: must be a model saved by `fastbp train`" in message

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 2}, "must have version 1, got 2"),
            ({"columns": ["length", "width"]}, "'columns' must be a list of 3 different names"),
            ({"columns": ["a", "a", "b"]}, "'columns' must be a list of 3 different names"),
            ({"columns": "abc"}, "'columns' must be a list of 3 different names, got 'abc'"),
            ({"mean": [0, 0]}, "'mean' must be a list of 3 finite numbers, got [0, 0]"),
            ({"mean": [0, 0, True]}, "'mean' must be a list of 3 finite numbers"),
            ({"mean": [0, 0, "1"]}, "'mean' must be a list of 3 finite numbers"),
            ({"scale": [1, 1, 0]}, "'scale' must be a list of 3 numbers above 0"),
            ({"target": 5}, "'target' must be a column name, got 5"),
            ({"classes": ["a", "b"]}, "'classes' must be a list of 3 different names"),
            ({"task": "regression"}, "'task' must be a task for a network with 3 outputs"),
            ({"task": None}, "'task' must be a task for a network with 3 outputs, got None"),
        ],
    )
    def test_record_that_does_not_fit(self, trees, capsys, change, message):
        main(["train", trees, "--target", "tree", *QUICK])
        network = fb.load("trees.fastbp")
        network.metadata["table"].update(change)
        network.save("changed.fastbp")
        capsys.readouterr()
        assert message in fails(capsys, 1, "predict", "changed.fastbp", trees)


class TestHelp:
    @pytest.mark.parametrize("words", [[], ["train"], ["predict"]])
    def test_help_has_an_example(self, capsys, words):
        assert main([*words, "--help"]) == 0
        assert "example: fastbp " in capsys.readouterr().out

    def test_help_tells_of_the_log(self, capsys):
        main(["train", "--help"])
        assert re.search(r"--log FILE\s+write the figures of", capsys.readouterr().out)

    def test_version(self, capsys):
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"fastbp {fb.__version__}\n"


def console_script():
    """Return the installed command of this interpreter, or skip."""
    command = shutil.which("fastbp", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("the console script is not installed beside this interpreter")
    return command


class TestProcess:
    def test_console_script(self, trees, tmp_path):
        words = [console_script(), "train", trees, "--target", "tree", "--hidden", "16"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert figure(done.stdout, "accuracy") >= 0.97
        words = [console_script(), "predict", "trees.fastbp", trees]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("prediction\n")

    def test_module_and_exit_code(self, tmp_path):
        words = [sys.executable, "-m", "fastbp", "train", "none.csv", "--target", "t"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "fastbp: error: none.csv: the file does not exist\n"

    def test_reader_of_the_pipe_leaves(self, trees, tmp_path):
        main(["train", trees, "--target", "tree", *QUICK])
        words = [sys.executable, "-m", "fastbp", "predict", "trees.fastbp", trees]
        with subprocess.Popen(
            words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == 1
