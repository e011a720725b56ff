"""Every example of docs/command_line.md and of the helps is run, in the order of the page."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from clitables import write_table

from fastbp.cli import main
from fastbp.cli.parser import build_parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command_line.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
COMMANDS = ("train", "predict", "evaluate", "info", "explain", "bench")


@pytest.fixture
def tables(folder):
    """Write the tables that the examples read."""
    rng = np.random.default_rng(0)
    header = ["id", "zip", "area", "price"]
    rows = [
        [str(i), f"{rng.integers(5):05}", f"{area:.2f}", f"{10 * area + rng.normal():.2f}"]
        for i, area in enumerate(rng.uniform(20, 120, 300))
    ]
    write_table(folder / "houses.csv", header, rows)
    write_table(folder / "sold.csv", header, rows)
    write_table(folder / "new.csv", header[:-1], [row[:-1] for row in rows])
    gaps = [[*row[:2], "" if i % 10 == 0 else row[2], row[3]] for i, row in enumerate(rows)]
    write_table(folder / "gaps.csv", header, gaps)


@pytest.mark.usefixtures("tables")
def test_examples_of_the_page(capsys):
    pytest.importorskip("matplotlib")
    for line in LINES:
        program, *words = shlex.split(line)
        assert program == "fastbp"
        assert main([*words, *quick(words)]) == 0, line
    capsys.readouterr()
    made = ["houses.png", "predictions.csv", "run.toml", "again.fastbp"]
    made += ["step.html", "step.tex", "step.md"]
    assert [name for name in made if not Path(name).exists()] == []
    assert Path("again.fastbp").stat().st_size > 1000


@pytest.mark.usefixtures("tables")
def test_examples_of_the_helps(capsys):
    pytest.importorskip("matplotlib")
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            build_parser().parse_args([command, "--help"])
        (example,) = re.findall(r"example: fastbp (.*)", " ".join(capsys.readouterr().out.split()))
        words = shlex.split(example)
        if command == "bench":
            words += ["--workloads", "W1"]
        assert main([*words, *quick(words)]) == 0, example


def quick(words):
    """Return what makes a training short."""
    return ["--epochs", "3"] if words[0] == "train" and "--config" not in words else []


def test_page_names_every_command_and_options_that_there_are():
    text = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"fastbp {command} " in text
    commands = build_parser()._subparsers._group_actions[0].choices
    known = {*commands["train"]._option_string_actions, "--probabilities"}
    known |= set(commands["explain"]._option_string_actions)
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known
