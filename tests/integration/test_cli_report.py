"""What the command tells of a training: figures, tables of classes and epochs, pictures."""

import importlib.util
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from clitables import QUICK, class_rows, epoch_rows, fails, number_rows, write_table

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.epochs import is_shown
from fastbp.cli.figures import figures, one_line
from fastbp.cli.report import details
from fastbp.cli.target import ClassTarget, NumberTarget

pytestmark = pytest.mark.usefixtures("folder")

LABELS = np.array([0, 0, 0, 1, 1, 2])
GUESSES = np.array([0, 0, 1, 1, 1, 1])


class TestFigures:
    def test_of_classes_by_hand(self):
        found = figures(ClassTarget("t", ("a", "b", "c")), np.eye(3)[GUESSES], LABELS)
        assert found["accuracy"] == 4 / 6
        assert found["confusion"] == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
        a, b, c = found["classes"]
        assert a == {"name": "a", "rows": 3, "precision": 1.0, "recall": 2 / 3, "f1": 4 / 5}
        assert b == {"name": "b", "rows": 2, "precision": 0.5, "recall": 1.0, "f1": 4 / 6}
        assert c == {"name": "c", "rows": 1, "precision": None, "recall": 0.0, "f1": 0.0}

    def test_of_numbers_by_hand(self):
        outputs = np.array([[1.0], [2.0], [4.0]], dtype=np.float32)
        found = figures(NumberTarget("t"), outputs, np.array([1.0, 2.0, 3.0]))
        assert found == {"rows": 3, "r2": 0.5, "mae": 1 / 3, "rmse": (1 / 3) ** 0.5}

    def test_of_equal_numbers(self):
        found = figures(NumberTarget("t"), np.array([[1.0], [2.0]]), np.array([1.0, 1.0]))
        assert found["r2"] is None
        assert one_line(found).startswith("R2 none  mean absolute error 0.5")

    def test_against_another_implementation(self):
        metrics = pytest.importorskip("sklearn.metrics")
        rng = np.random.default_rng(0)
        labels, guesses = rng.integers(0, 5, (2, 200))
        target = ClassTarget("t", tuple("abcde"))
        found = figures(target, np.eye(5)[guesses], labels)
        assert found["confusion"] == metrics.confusion_matrix(labels, guesses).tolist()
        theirs = metrics.precision_recall_fscore_support(labels, guesses)
        for key, values in zip(("precision", "recall", "f1", "rows"), theirs, strict=True):
            ours = [entry[key] for entry in found["classes"]]
            np.testing.assert_allclose(ours, values, rtol=1e-12)


class TestDetails:
    def test_tables(self):
        found = figures(ClassTarget("t", ("a", "b", "c")), np.eye(3)[GUESSES], LABELS)
        assert details(found).splitlines() == [
            "class  precision  recall      f1    rows",
            "a          1.000   0.667   0.800       3",
            "b          0.500   1.000   0.667       2",
            "c              -   0.000   0.000       1",
            "",
            "confusion matrix (row: actual class, column: predicted class)",
            "      a b c",
            "a     2 1 0",
            "b     0 2 0",
            "c     0 1 0",
        ]

    def test_many_classes_are_told_by_their_confusions(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        names = tuple(f"class {number}" for number in range(40))
        labels = np.repeat(np.arange(40), 3)
        guesses = labels.copy()
        guesses[[0, 3, 4]] = 9, 7, 7
        lines = details(figures(ClassTarget("t", names), np.eye(40)[guesses], labels)).splitlines()
        assert lines[42:] == [
            "most frequent confusions",
            "     2 x class 1 taken for class 7",
            "     1 x class 0 taken for class 9",
        ]
        assert max(map(len, lines)) <= 80

    def test_no_confusion(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        names = tuple(f"class {number}" for number in range(40))
        labels = np.arange(40)
        lines = details(figures(ClassTarget("t", names), np.eye(40), labels)).splitlines()
        assert lines[-1] == "no class is taken for another"


class TestEpochs:
    def test_rows_of_a_pipe_are_all(self):
        assert all(is_shown(epoch, None, False) for epoch in range(1, 600))

    def test_rows_of_a_terminal_are_few(self):
        shown = [epoch for epoch in range(1, 1001) if is_shown(epoch, None, True)]
        assert shown[:12] == [*range(1, 11), 15, 20]
        assert shown[25:29] == [90, 95, 100, 150]
        assert len(shown) < 50

    @pytest.mark.parametrize(("every", "wanted"), [(None, [1, 2, 3]), (2, [1, 2, 3]), (9, [1, 3])])
    def test_last_epoch_is_always_there(self, trees, capsys, every, wanted):
        words = [] if every is None else ["--show-every", str(every)]
        main(["train", trees, "--target", "tree", *QUICK, *words])
        rows = epoch_rows(capsys.readouterr().out)
        assert [int(row["epoch"]) for row in rows] == wanted

    def test_columns_are_aligned(self, houses, capsys):
        main(["train", houses, "--target", "price", "--epochs", "12", "--hidden", "8"])
        lines = capsys.readouterr().out.splitlines()
        start = next(place for place, line in enumerate(lines) if line.startswith("epoch"))
        assert lines[start] == "epoch       loss  validation loss         R2      time"
        assert {len(line) for line in lines[start : start + 13]} == {len(lines[start])}

    def test_bar_in_a_terminal(self, trees, capsys, monkeypatch):
        pytest.importorskip("tqdm")

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        screen, out = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["train", trees, "--target", "tree", "--hidden", "8", "--epochs", "40"]) == 0
        assert "epoch 40/40" in screen.getvalue()
        rows = epoch_rows(out.getvalue())
        assert [int(row["epoch"]) for row in rows] == [*range(1, 11), 15, 20, 25, 30, 35, 40]


class TestJSON:
    def test_one_object_alone_on_stdout(self, trees, capsys):
        assert main(["train", trees, "--target", "tree", "--json", *QUICK]) == 0
        captured = capsys.readouterr()
        found = json.loads(captured.out)
        assert captured.out.count("\n") == 1
        assert "3 classes" in captured.err
        assert found["task"] == "classification"
        assert found["rows"] == {
            "all": 300, "training": 216, "validation": 24, "test": 60, "left_out": 0,
            "filled_values": 0,
        }  # fmt: skip
        assert found["model"] == "trees.fastbp"
        assert found["epochs"] == 3
        test = found["test"]
        assert np.array(test["confusion"]).sum() == test["rows"] == 60
        assert np.trace(test["confusion"]) / 60 == test["accuracy"]

    def test_no_held_out_rows(self, trees, capsys):
        words = ["--test-fraction", "0", "--validation-fraction", "0", "--json"]
        assert main(["train", trees, "--target", "tree", *words, *QUICK]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["test"], found["validation"], found["best_epoch"]) == (None, None, None)

    def test_errors_leave_stdout_empty(self, trees, capsys):
        assert main(["train", trees, "--target", "no", "--json"]) == 1
        assert capsys.readouterr().out == ""


class TestEvaluate:
    def test_figures_are_those_of_the_training(self, trees, capsys):
        words = ["--test-fraction", "0", "--hidden", "16", "--json"]
        main(["train", trees, "--target", "tree", *words])
        capsys.readouterr()
        header, rows = class_rows(seed=1)
        new = write_table(Path("new.csv"), header[::-1], [row[::-1] for row in rows])
        assert main(["evaluate", "trees.fastbp", new, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["accuracy"] >= 0.97
        assert found["rows"] == 300
        assert main(["evaluate", "trees.fastbp", new]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(f"accuracy {found['accuracy']:.4f}  (300 rows)\nclass ")
        assert "confusion matrix" in printed

    def test_numbers(self, houses, capsys):
        main(["train", houses, "--target", "price"])
        new = write_table(Path("new.csv"), *number_rows(seed=1))
        capsys.readouterr()
        assert main(["evaluate", "houses.fastbp", new, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        rows = np.array(number_rows(seed=1)[1], dtype=np.float64)
        net = fb.load("houses.fastbp")
        error = net.predict({"a": rows[:, 0], "b": rows[:, 1]})[:, 0] - rows[:, 2]
        assert found["mae"] == float(np.abs(error).mean())
        assert found["r2"] == 1 - (error**2).sum() / ((rows[:, 2] - rows[:, 2].mean()) ** 2).sum()

    def test_classes_of_numbers(self, capsys):
        rows = [[str(i), f"{i % 3}.0"] for i in range(60)]
        path = write_table(Path("few.csv"), ["a", "t"], rows)
        main(["train", path, "--target", "t", *QUICK])
        rows = [[str(i), str(i % 3)] for i in range(60)]
        same = write_table(Path("same.csv"), ["a", "t"], rows)
        answers = []
        for file in (path, same):
            capsys.readouterr()
            assert main(["evaluate", "few.fastbp", file, "--json"]) == 0
            answers.append(capsys.readouterr().out)
        assert answers[0] == answers[1]

    def test_class_that_the_model_does_not_know(self, trees, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        header, rows = class_rows(n_rows=5)
        new = write_table(Path("new.csv"), header, [*rows, ["1", "7", "1", "oak"]])
        message = fails(capsys, 1, "evaluate", "trees.fastbp", new)
        assert "line 7, column 'tree': value must be a class that the model knows" in message
        assert "got 'oak'" in message


class TestPlot:
    @pytest.fixture(autouse=True)
    def matplotlib(self):
        pytest.importorskip("matplotlib")

    def picture(self, path):
        """Return the picture as an array; it must have more than one colour."""
        image = importlib.import_module("matplotlib.image").imread(path)
        assert len(np.unique((255 * image[..., :3]).astype(int) @ [1, 256, 65536])) > 20
        return image

    def test_classes(self, trees, capsys):
        words = ["--plot", "report.png", *QUICK]
        assert main(["train", trees, "--target", "tree", *words]) == 0
        assert "plot saved to report.png\n" in capsys.readouterr().out
        assert self.picture("report.png").shape[1] > 1000

    def test_numbers(self, houses):
        words = ["--plot", "report.png", *QUICK]
        assert main(["train", houses, "--target", "price", *words]) == 0
        assert self.picture("report.png").shape[0] > 800

    @pytest.mark.parametrize("fraction", ["--test-fraction", "--validation-fraction"])
    @pytest.mark.parametrize("name", ["p.svg", "p.pdf"])
    def test_other_formats_and_fewer_parts(self, houses, fraction, name):
        words = ["--plot", name, fraction, "0", *QUICK]
        assert main(["train", houses, "--target", "price", *words]) == 0
        assert Path(name).stat().st_size > 5000

    def test_many_classes_are_legible(self, capsys):
        rng = np.random.default_rng(0)
        letters = [chr(65 + k) for k in range(26)]
        rows = [[f"{rng.normal(k):.3f}", letters[k]] for k in range(26) for _ in range(20)]
        path = write_table(Path("letters.csv"), ["a", "letter"], rows)
        assert main(["train", path, "--target", "letter", "--plot", "l.png", *QUICK]) == 0
        height, width, _ = self.picture("l.png").shape
        assert (height > 1200, width > 1800) == (True, True)

    def test_no_state_of_pyplot_is_touched(self, trees):
        main(["train", trees, "--target", "tree", "--plot", "report.png", *QUICK])
        pyplot = sys.modules.get("matplotlib.pyplot")
        assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plot", "report.txt"], "--plot must end with .png, .svg, .pdf, got report.txt"),
        (["--plot", "no/report.png"], "--plot must be in a folder that exists, got no/report.png"),
        (["--plot", "a.svg", "--save", "a.svg"], "--plot must be a file other than the data and"),
    ],
)
def test_bad_pictures(trees, capsys, words, message):
    assert message in fails(capsys, 2, "train", trees, "--target", "tree", *words)


def test_picture_without_matplotlib(trees, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "matplotlib" else found(name, *rest),
    )
    message = fails(capsys, 2, "train", trees, "--target", "tree", "--plot", "report.png")
    assert 'which is not installed: pip install "fastbp[plot]"' in message
    assert not Path("trees.fastbp").exists()
