"""``fastbp train``: from a table to a saved, judged model."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastbp as fb
from fastbp.cli import config, report
from fastbp.cli.arguments import add_train_arguments
from fastbp.cli.errors import UsageError
from fastbp.cli.figures import one_line
from fastbp.cli.learning import Outcome, judged, make_model, train
from fastbp.cli.model import Model
from fastbp.cli.outputs import check_outputs, check_picture, make_log
from fastbp.cli.problem import Problem, Question, make_problem, read_question
from fastbp.cli.signals import reason
from fastbp.cli.tables import read_names
from fastbp.cli.tables.table import Words, name_list
from fastbp.cli.target import ClassTarget
from fastbp.datasets import DIGITS_PATH


@dataclass(frozen=True)
class Source:
    """What to call the data, the file it is in, its target column and the default model file."""

    title: str
    path: str
    names: list[str]
    target: str
    model: str


def add_command(commands: Any) -> None:
    """Add ``train`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network on a table",
        description=(
            "Train a network on a table: text with a header row, fields separated by commas, "
            "semicolons or tabs (.csv, .tsv, .gz), .parquet (with pyarrow), .npz or .npy. Columns "
            "of numbers are standardised, columns of text become one input for each category. A "
            "field that is empty, NA, NaN, null, None or ? is missing. Without a file: the bundled "
            "handwritten digits. The model file has all that predictions need."
        ),
        epilog=(
            "example: fastbp train houses.csv --target price --hidden 64,32 --save houses.fastbp "
            "--plot houses.png"
        ),
    )
    add_train_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def completed(options: argparse.Namespace, argv: Sequence[str]) -> argparse.Namespace:
    """Return the options with those of the file that ``--config`` names."""
    given = config.given_options(options.parser, argv)
    words = config.words_of(options.config, options.parser, given)
    found: argparse.Namespace = options.parser.parse_args([*words, *argv])
    found.run, found.parser = options.run, options.parser
    return found


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Train, report on the held-out rows and save the model."""
    if options.config is not None:
        options = completed(options, argv)
    stdout = sys.stdout
    with contextlib.ExitStack() as stack:
        if options.json:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        code, result = _train(options)
    if options.json:
        print(json.dumps(result, ensure_ascii=False, allow_nan=False), file=stdout, flush=True)
    return code


def _train(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Do all of it; return the exit code and what machines are told."""
    began = time.perf_counter()
    source = _source(options)
    model_path = options.save or source.model
    files = {"--save": model_path, "--log": options.log, "--plot": options.plot}
    check_outputs(files | {"--save-config": options.save_config}, source.path)
    check_picture(options.plot)
    log = make_log(options.log)
    settings = config.settings(options, options.parser)
    if options.save_config is not None:
        Path(options.save_config).write_text(config.to_toml(settings), encoding="utf-8")
    question = _question(options, source.target)
    problem = make_problem(read_question(source.path, source.names, question), question)
    print(f"data {source.title}: {_description(problem)}")
    model = make_model(options, problem)
    print(repr(model.network).strip("<>"))
    outcome = train(options, model, problem, log)
    result = _result(model, problem, outcome)
    model.training = {"fastbp": fb.__version__, "options": settings, **result}
    if outcome.stopped is not None:
        return _save_unfinished(model, model_path, outcome), result | {"model": model_path}
    print(report.stop_line(outcome.history, outcome.best))
    _print_verdict(result)
    model.save(model_path)
    if options.plot is not None:
        from fastbp.cli.plot import draw

        draw(options.plot, source.title, model, problem, outcome)
    seconds = time.perf_counter() - began
    print(f"time {seconds:.2f} s")
    for name in ("log", "plot"):
        if getattr(options, name) is not None:
            print(f"{name} saved to {getattr(options, name)}")
    print(f"model saved to {model_path}")
    return 0, result | {"model": model_path, "seconds": seconds}


def _source(options: argparse.Namespace) -> Source:
    if options.data is None:
        if options.target is not None:
            raise UsageError("--target needs a data file, got none")
        path = str(DIGITS_PATH)
        return Source(
            "bundled handwritten digits", path, read_names(path), "digit", "fastbp-digits.fastbp"
        )
    names = read_names(options.data)
    target = options.target
    if target is None and options.data.endswith(".npz") and "y" in names:
        target = "y"
    if target is None:
        raise UsageError(
            f"--target must name one of the columns of {options.data}: {name_list(names)}"
        )
    stem = Path(options.data.removesuffix(".gz")).stem
    return Source(options.data, options.data, names, target, f"{stem}.fastbp")


def _question(options: argparse.Namespace, target: str) -> Question:
    return Question(
        target,
        options.task,
        options.categorical,
        options.ignore,
        options.missing,
        options.test_fraction,
        options.validation_fraction,
        options.seed,
    )


def _save_unfinished(model: Model, path: str, outcome: Outcome) -> int:
    """Save what a fit that was stopped has come to; return the exit code."""
    assert outcome.stopped is not None
    words, code = reason(outcome.stopped)
    kept = "the last step" if outcome.best is None else "the best epoch so far"
    model.save(path)
    print(f"fastbp: {words}; the model of {kept} is saved to {path}", file=sys.stderr)
    return code


def _description(problem: Problem) -> str:
    """Return rows, columns and target in words."""
    rows = _rows(problem)
    parts = ", ".join(f"{rows[name]} {name}" for name in ("training", "validation", "test"))
    inputs = problem.training.table.columns
    words = [name for name, column in inputs.items() if isinstance(column, Words)]
    target = problem.target
    meaning = f"{len(target.classes)} classes" if isinstance(target, ClassTarget) else "a number"
    lines = [
        f"{rows['all']} rows ({parts}), {len(inputs)} columns, target {target.name!r}: {meaning}",
        f"columns: {len(inputs) - len(words)} numeric, {len(words)} categorical"
        + (f" ({name_list(words)})" if words else ""),
    ]
    if problem.n_filled:
        lines.append(f"missing: {problem.n_filled} values filled")
    if problem.n_dropped:
        lines.append(f"missing: {problem.n_dropped} rows left out")
    return "\n".join(lines)


def _rows(problem: Problem) -> dict[str, int]:
    """Return how many rows there are of each kind."""
    parts = (problem.training, problem.validation, problem.test)
    sizes = [len(part) if part else 0 for part in parts]
    return {
        "all": sum(sizes),
        **dict(zip(("training", "validation", "test"), sizes, strict=True)),
        "left_out": problem.n_dropped,
        "filled_values": problem.n_filled,
    }


def _result(model: Model, problem: Problem, outcome: Outcome) -> dict[str, Any]:
    """Return what the training came to, for machines and for the model file."""
    history = outcome.history
    columns = {
        name: "categorical" if isinstance(column, Words) else "numeric"
        for name, column in problem.training.table.columns.items()
    }
    return {
        "task": model.target.task,
        "target": model.target.name,
        "columns": columns,
        "rows": _rows(problem),
        "epochs": len(history.loss),
        "best_epoch": outcome.best,
        "stop_reason": history.stop_reason,
        "loss": history.loss[-1] if history.loss else None,
        "validation": judged(model, problem.validation),
        "test": judged(model, problem.test),
    }


def _print_verdict(result: dict[str, Any]) -> None:
    """Print the figures of the held-out rows."""
    found = result["test"]
    if found is None:
        print("test: no rows were held out")
        return
    print(f"test {one_line(found)}  ({found['rows']} held-out rows)")
    if "classes" in found:
        print(report.details(found))
