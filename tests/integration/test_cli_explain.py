"""`fastbp explain`: what it explains, in every form, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from clitables import QUICK, class_rows, fails, write_table

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.subject import optimizer_of

pytestmark = pytest.mark.usefixtures("folder")


def contents(capsys, *words):
    """Return what the command prints with --json."""
    capsys.readouterr()
    assert main(["explain", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(found):
    return {step["symbol"]: step["shown"] for step in found["steps"]}


class TestNetworks:
    def test_the_textbook_example_is_printed(self, capsys):
        assert main(["explain"]) == 0
        out = capsys.readouterr().out
        assert "z1 = w1 x + b1 = 0.5 * 2 + 0 = 1\n" in out
        assert "b1 = b1 - eta dL/db1 = 0 - 0.1 * (-0.065) = 0.007\n" in out

    def test_its_figures(self, capsys):
        found = shown(contents(capsys))
        hand = {"a1": "0.731", "L": "0.086", "delta2": "-0.415", "delta1": "-0.065"}
        hand |= {"dL/dw1": "-0.131", "w2": "0.830", "w1": "0.513"}
        assert {name: found[name] for name in hand} == hand

    def test_digits_and_language(self, capsys):
        found = contents(capsys, "--digits", 6, "--language", "vi")
        assert shown(found)["a1"] == "0.731059"
        assert found["title"] == "Một bước lan truyền ngược"

    def test_a_new_network(self, capsys):
        words = ["--sizes", "2,3,1", "--x", "1,0", "--y", "1", "--seed", "4", "--hidden", "tanh"]
        words += ["--output", "sigmoid", "--loss", "binary_cross_entropy"]
        found = contents(capsys, *words, "--optimizer", "adam", "--learning-rate", "0.01")
        net = fb.mlp([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy", "float64", seed=4)
        want = net.explain([[1.0, 0.0]], [1.0], fb.Adam(0.01)).to_dict()
        assert found == json.loads(json.dumps(want))

    def test_rows_and_classes(self, capsys):
        words = ["--sizes", "2,3", "--output", "softmax", "--loss", "cross_entropy"]
        found = contents(capsys, *words, "--x=-1,0;0,1", "--y", "2;0")
        assert found["x"] == [[-1, 0], [0, 1]]
        assert found["y"] == [[0, 0, 1], [1, 0, 0]]

    def test_a_larger_one_is_shortened(self, capsys):
        numbers = ",".join(["0.5"] * 20)
        found = contents(capsys, "--sizes", "20,10,1", "--x", numbers, "--y", "1")
        assert found["shortened"]

    @pytest.mark.parametrize(
        ("word", "rate", "made"),
        [
            ("sgd", None, fb.SGD(0.1)),
            ("SGD", 0.5, fb.SGD(0.5)),
            ("adam", None, fb.Adam()),
            ("SGD(0.2, momentum=0.9)", None, fb.SGD(0.2, momentum=0.9)),
            ("SGD(0.2, momentum=0.9)", 0.3, fb.SGD(0.3, momentum=0.9)),
            ("rmsprop(centered=True)", None, fb.RMSprop(centered=True)),
        ],
    )
    def test_optimizers(self, word, rate, made):
        assert repr(optimizer_of(word, rate)) == repr(made)


class TestModels:
    def test_a_row_of_numbers(self, houses, capsys):
        main(["train", houses, "--target", "price", "--hidden", "2", "--epochs", "3"])
        before = Path("houses.fastbp").read_bytes()
        found = contents(capsys, "houses.fastbp", houses, "--row", 3)
        a, b, price = map(float, Path(houses).read_text().splitlines()[3].split(","))
        net = fb.load("houses.fastbp")
        want = net.explain({"a": [a], "b": [b]}, [price], fb.SGD(0.1)).to_dict()
        assert found == json.loads(json.dumps(want))
        assert [step["kind"] for step in found["steps"][:3]] == ["input"] * 3
        assert Path("houses.fastbp").read_bytes() == before

    def test_a_row_of_classes(self, trees, capsys):
        main(["train", trees, "--target", "tree", "--hidden", "2", "--epochs", "3"])
        _, rows = class_rows()
        found = contents(capsys, "trees.fastbp", trees, "--row", 7)
        names = sorted({row[-1] for row in rows})
        assert found["y"] == [[float(name == rows[6][-1]) for name in names]]

    def test_a_missing_value_is_filled_as_the_model_does(self, capsys):
        rows = [[str(i), str(2 * i)] for i in range(60)]
        path = write_table(Path("gaps.csv"), ["a", "t"], [["", "7"], *rows])
        main(["train", path, "--target", "t", "--missing", "mean", "--task", "regression", *QUICK])
        found = contents(capsys, "gaps.fastbp", path, "--row", 1)
        assert abs(found["x"][0][0]) < 1e-6

    def test_a_network_without_a_record(self, capsys):
        net = fb.mlp([2, 2, 1], dtype="float64", seed=1)
        net.save("net.fastbp")
        path = write_table(Path("rows.csv"), ["a", "b", "t"], [["1", "2", "3"], ["4", "5", "6"]])
        found = contents(capsys, "net.fastbp", path, "--row", 2)
        want = net.explain([[4.0, 5.0]], [[6.0]], fb.SGD(0.1)).to_dict()
        assert found == json.loads(json.dumps(want))

    def test_a_network_of_named_columns_and_classes(self, capsys):
        table = {"n": np.array([1.0, 3.0]), "c": ["p", "q"]}
        net = fb.Network(
            None,
            [fb.Dense(3, "softmax")],
            "cross_entropy",
            inputs=fb.Columns().fit(table),
            dtype="float64",
        )
        net.save("net.fastbp")
        path = write_table(Path("rows.csv"), ["class", "c", "n"], [["2", "q", "3"]])
        found = contents(capsys, "net.fastbp", path)
        assert (found["x"], found["y"]) == ([[1, 0, 1]], [[0, 0, 1]])


class TestFiles:
    def test_every_form(self, capsys):
        words = ["--html", "s.html", "--latex", "s.tex", "--markdown", "s.md"]
        assert main(["explain", *words]) == 0
        assert capsys.readouterr().out == ""
        net = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
        net.params = [0.5, 0.0, 0.8, 0.0]
        trace = net.explain([[2.0]], [1.0], fb.SGD(0.1))
        assert Path("s.tex").read_text(encoding="utf-8") == trace.to_latex()
        assert Path("s.md").read_text(encoding="utf-8") == trace.to_markdown()
        assert "-0.415" in Path("s.html").read_text(encoding="utf-8")

    def test_files_and_json_together(self, capsys):
        found = contents(capsys, "--latex", "s.tex")
        assert found["version"] == 1
        assert Path("s.tex").exists()


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--x", "1"], "--x must come with --sizes, got none"),
            (["--hidden", "relu"], "--hidden must come with --sizes, got none"),
            (["--row", "1"], "--row must come with a model and a table, got none"),
            (["--sizes", "2,1", "--y", "1"], "--sizes must come with --x, got none"),
            (["--sizes", "2", "--x", "1", "--y", "1"], "must be inputs and outputs at least"),
            (["--sizes", "2,x", "--x", "1", "--y", "1"], "must be whole numbers above 0"),
            (["--sizes", "2,1", "--x", "1,b", "--y", "1"], "must be numbers such as 1,0"),
            (["--sizes", "2,1", "--x", "1", "--y", "1"], "x must have 2 columns"),
            (["--sizes", "2,1", "--x", "1,0", "--y", "1,2"], "y must have shape (n_rows, 1)"),
            (["--sizes", "2,1", "--x", "1,0", "--y", "1", "--hidden", "no"], "hidden must be one"),
            (["--sizes", "2,1", "--x", "1,0", "--y", "1", "--loss", "no"], "loss must be one of"),
            (["--optimizer", "adma"], "--optimizer must be one of sgd, adam"),
            (["--optimizer", "SGD(0.1"], "--optimizer: "),
            (["--optimizer", "SGD(momntum=1)"], "SGD must have arguments among"),
            (["--optimizer", "Adam(print(1))"], "--optimizer: "),
            (["--learning-rate", "0"], "--learning-rate: must be a number above 0"),
            (["--digits", "0"], "--digits: must be a whole number >= 1"),
            (["--digits", "16"], "digits must be at most 15, got 16"),
            (["--language", "xx"], "language must be one of 'en', 'vi', got 'xx'"),
            (["--html", "none/s.html"], "--html must be in a folder that exists"),
            (["--latex", "s", "--markdown", "s"], "--markdown must be a file other than"),
            (["some.fastbp"], "a model must come with a table, got some.fastbp alone"),
            (["some.fastbp", "a.csv", "--sizes", "1,1"], "--sizes must come without a model"),
        ],
    )
    def test_usage(self, capsys, words, message):
        assert message in fails(capsys, 2, "explain", *words)
        assert list(Path().iterdir()) == []

    def test_data(self, houses, capsys):
        main(["train", houses, "--target", "price", *QUICK])
        one = write_table(Path("one.csv"), ["a", "b"], [["1", "2"]])
        for words, message in [
            (["none.fastbp", houses], "none.fastbp: the file does not exist"),
            (["houses.fastbp", "none.csv"], "none.csv: the file does not exist"),
            (["houses.fastbp", houses, "--row", "2000"], "must have row 2000, got 1000 rows"),
            (["houses.fastbp", one], "must have a column 'price'"),
        ]:
            assert message in fails(capsys, 1, "explain", *words)
        fb.mlp([3, 1]).save("net.fastbp")
        message = fails(capsys, 1, "explain", "net.fastbp", one)
        assert "must have 3 columns of inputs and then 1 of targets, got the columns" in message

    def test_a_loss_that_is_not_finite(self, capsys):
        words = ["--sizes", "1,1", "--x", "1e200", "--y", "0", "--seed", "1"]
        assert "loss became inf" in fails(capsys, 1, "explain", *words)
