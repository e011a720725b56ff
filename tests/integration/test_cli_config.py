"""A run from a file of options, what a model says of itself, and the command's benchmark."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from clitables import QUICK, fails

import fastbp as fb
from fastbp.cli import bench, main
from fastbp.cli.bench import NAMES, duration
from fastbp.cli.workloads import find

pytestmark = pytest.mark.usefixtures("folder")


class TestConfig:
    def params(self, name):
        return fb.load(name).params

    def test_a_run_is_repeated_bit_for_bit(self, houses):
        words = ["--target", "price", "--seed", "7", "--hidden", "9,5", "--activation", "tanh"]
        words += ["--learning-rate", "0.003", "--epochs", "4", "--ignore", "b", "--batch-size", "7"]
        assert main(["train", houses, *words, "--save-config", "run.toml"]) == 0
        first = Path("houses.fastbp").read_bytes()
        Path("houses.fastbp").unlink()
        assert main(["train", "--config", "run.toml"]) == 0
        assert Path("houses.fastbp").read_bytes() == first

    def test_from_the_model_itself(self, trees, capsys):
        words = ["--target", "tree", "--categorical", "same", "--hidden", "none", "--epochs", "3"]
        main(["train", trees, *words])
        capsys.readouterr()
        assert main(["info", "trees.fastbp", "--config"]) == 0
        Path("run.toml").write_text(capsys.readouterr().out, encoding="utf-8")
        before = self.params("trees.fastbp")
        assert main(["train", "--config", "run.toml", "--save", "again.fastbp"]) == 0
        assert np.array_equal(self.params("again.fastbp"), before)

    def test_the_command_line_goes_before(self, trees, capsys):
        text = f'data = {json.dumps(trees)}\ntarget = "tree"\nepochs = 9\nhidden = [8]\njson = true'
        Path("run.toml").write_text(text, encoding="utf-8")
        assert main(["train", "--config", "run.toml", "--epochs=2"]) == 0
        assert json.loads(capsys.readouterr().out)["epochs"] == 2

    def test_what_may_be_repeated_is_replaced_too(self, houses, trees, capsys):
        text = f'data = {json.dumps(houses)}\ntarget = "price"\nignore = ["a"]\nepochs = 2'
        Path("run.toml").write_text(text, encoding="utf-8")
        words = [trees, "--target", "tree", "--ignore", "width", "--json"]
        assert main(["train", "--config", "run.toml", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        assert list(found["columns"]) == ["length", "same"]

    def test_file_has_every_option_that_is_set(self, houses):
        main(["train", houses, "--target", "price", "--save-config", "run.toml", *QUICK])
        found = tomllib.loads(Path("run.toml").read_text(encoding="utf-8"))
        assert found == {
            "data": houses, "target": "price", "task": "auto", "missing": "error",
            "test-fraction": 0.2, "validation-fraction": 0.1, "hidden": [8], "activation": "relu",
            "dtype": "float32", "epochs": 3, "batch-size": 32, "optimizer": "adam", "seed": 0,
            "patience": 50,
        }  # fmt: skip

    def test_texts_of_any_kind_come_back(self, folder):
        name = 'a "b" \\ é € 😀 \x7f'
        text = "".join(f"{i},{'x' if i % 2 else 'y'}\n" for i in range(40))
        path = folder / "odd.csv"
        path.write_text('"' + name.replace('"', '""') + '",t\n' + text, encoding="utf-8")
        words = ["--target", "t", "--categorical", name, "--save-config", "run.toml"]
        assert main(["train", str(path), *words, *QUICK]) == 0
        found = tomllib.loads(Path("run.toml").read_text(encoding="utf-8"))
        assert found["categorical"] == [name]
        assert main(["train", "--config", "run.toml"]) == 0

    @pytest.mark.parametrize(
        ("text", "code", "message"),
        [
            ("epoch = 3", 2, "run.toml: keys must be options of fastbp train, got 'epoch'"),
            ('config = "a.toml"', 2, "got 'config'"),
            ("epochs = 0", 2, "argument --epochs: must be a whole number >= 1, got '0'"),
            ("epochs = [1, 2]", 2, "run.toml: epochs must be a number or a text, got [1, 2]"),
            ("epochs = true", 2, "run.toml: epochs must be a number or a text, got True"),
            ('json = "yes"', 2, "run.toml: json must be true or false, got 'yes'"),
            ("epochs = 2024-01-01", 2, "run.toml: epochs must be a number or a text"),
            ("[train]\nepochs = 3", 2, "got 'train'"),
            ("ignore = [[1]]", 2, "run.toml: ignore must be a number or a text, got [1]"),
            ("epochs 3", 1, "run.toml: must be TOML: "),
            ("\udcff", 1, "run.toml: must be TOML: "),
        ],
    )
    def test_bad_files(self, capsys, text, code, message):
        Path("run.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert message in fails(capsys, code, "train", "--config", "run.toml")

    def test_no_such_file(self, capsys):
        message = fails(capsys, 1, "train", "--config", "no.toml")
        assert "no.toml: the file does not exist" in message


class TestInfo:
    def test_of_classes(self, trees, capsys):
        main(["train", trees, "--target", "tree", *QUICK])
        capsys.readouterr()
        assert main(["info", "trees.fastbp"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "network 3-8-3, loss cross_entropy, float32, 59 parameters, seed 0"
        assert "    1       3       8          32  relu" in lines
        assert "target 'tree': 3 classes: ash, birch, cedar" in lines
        assert "same    numeric      mean 7, scale 1" in lines
        assert any(line.startswith("trained by fastbp ") for line in lines)
        assert any("epochs=3" in line for line in lines)

    def test_for_machines(self, houses, capsys):
        main(["train", houses, "--target", "price", "--missing", "mean", *QUICK])
        capsys.readouterr()
        assert main(["info", "houses.fastbp", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        net = fb.load("houses.fastbp")
        assert found["target"]["mean"] == net.targets.mean[0]
        assert found["columns"][0]["scale"] == net.inputs.columns[0].scale
        assert set(found["fill"]) == {"a", "b"}
        assert found["training"]["epochs"] == 3
        assert found["training"]["test"]["rows"] == 200

    def test_of_a_network_without_a_table(self, capsys):
        fb.mlp([3, 4, 2], seed=5).save("bare.fastbp")
        assert main(["info", "bare.fastbp"]) == 0
        assert "network 3-4-2, loss mse, float32, 26 parameters, seed 5" in capsys.readouterr().out
        message = fails(capsys, 1, "info", "bare.fastbp", "--config")
        assert "must be a model saved by `fastbp train`" in message

    def test_same_runs_make_the_same_file(self, trees):
        found = []
        for _ in range(2):
            main(["train", trees, "--target", "tree", *QUICK])
            found.append(Path("trees.fastbp").read_bytes())
        assert found[0] == found[1]


class TestBench:
    def test_figures_for_machines(self, capsys):
        words = ["--quick", "--json", "--threads", "1", "--workloads", "W1,W4,I1"]
        assert main(["bench", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        assert list(found["workloads"]) == ["W1", "W4", "I1"]
        assert (found["threads"], found["quick"]) == (1, True)
        for name, entry in found["workloads"].items():
            assert 0 < entry["seconds"] < 1, name
            assert entry["gflops"] > 0

    def test_a_figure_is_of_one_unit(self, monkeypatch):
        monkeypatch.setattr(bench, "_seconds", lambda action, repeats: 1.0)
        assert bench.measured(find("W1", True), 1, True) == 1 / 4096
        assert bench.measured(find("W4", True), 1, True) == 1

    def test_table(self, capsys):
        assert main(["bench", "--quick", "--workloads", "I1"]) == 0
        assert capsys.readouterr().out.splitlines()[-1].endswith("predict 1 row, 8-64-64-4 tanh")

    def test_default_is_the_w_suite(self):
        assert [*(f"W{n}" for n in range(1, 10)), "I1", "I2", "I3"] == NAMES

    def test_unknown_workload(self, capsys):
        message = fails(capsys, 2, "bench", "--workloads", "W1,W10")
        assert "--workloads must be of W1, W2" in message
        assert "got 'W10'" in message

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(1.5, "1.50 s"), (0.1234, "123 ms"), (3.21e-5, "32.1 us"), (2e-8, "20.0 ns")],
    )
    def test_durations(self, seconds, text):
        assert duration(seconds) == text
