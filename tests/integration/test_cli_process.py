"""The command as a process of its own, and its help."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clitables import QUICK, figure

import fastbp as fb
from fastbp.cli import main

pytestmark = pytest.mark.usefixtures("folder")


class TestHelp:
    @pytest.mark.parametrize(
        "words", [[], ["train"], ["predict"], ["evaluate"], ["info"], ["bench"]]
    )
    def test_help_has_an_example(self, capsys, words):
        assert main([*words, "--help"]) == 0
        assert "example: fastbp " in capsys.readouterr().out

    def test_help_tells_of_the_log(self, capsys):
        main(["train", "--help"])
        assert re.search(r"--log PATH\s+write the figures of", capsys.readouterr().out)

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
