"""Every way in which the command fails: its one line of complaint and its exit code."""

from pathlib import Path

import pytest
from clitables import QUICK, fails, write_table

import fastbp as fb
from fastbp.cli import main

pytestmark = pytest.mark.usefixtures("folder")


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
            (
                "a,t\n1,1\n2,2\n3,x\n",
                "line 4, column 't': value must be a number, got 'x' (--task c",
            ),
            ("a,t\n1,1\n2,2\n3,?\n", "line 4, column 't': value must not be missing, got '?'"),
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
            ({"version": 1}, "must have version 2, got 1"),
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
