"""Tables for the tests of the command, and what they look at in its output."""

import csv
import itertools
import re

import numpy as np
import pytest

from fastbp.cli import main

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


def epoch_rows(output):
    """Return the rows of the printed table, a dict each."""
    lines = output.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("epoch "))
    # Titles of two words stand one space apart, columns two.
    titles = re.split(r" {2,}", lines[start].strip())
    rows = itertools.takewhile(lambda line: line.startswith(" "), lines[start + 1 :])
    return [dict(zip(titles, line.removesuffix(" s").split(), strict=True)) for line in rows]


def fails(capsys, code, *words):
    """Run a command that must fail; return its one line of complaint."""
    assert main([str(word) for word in words]) == code
    message = capsys.readouterr().err
    assert message.startswith("fastbp: error: ")
    assert message.count("\n") == 1
    return message


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make an empty folder the working one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trees(tmp_path):
    """Return a file of three clouds of points."""
    return write_table(tmp_path / "trees.csv", *class_rows())


@pytest.fixture
def houses(tmp_path):
    """Return a file of a smooth surface."""
    return write_table(tmp_path / "houses.csv", *number_rows())
