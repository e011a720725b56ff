"""``fastbp train``: from a table to a saved, judged model."""

import argparse
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastbp as fb
from fastbp.cli import options as kinds
from fastbp.cli.encoding import CLASSIFICATION, MAX_INTEGER_CLASSES, REGRESSION, ClassTarget
from fastbp.cli.errors import CommandError, UsageError
from fastbp.cli.problem import Fractions, Problem, make_problem
from fastbp.cli.record import METADATA_KEY
from fastbp.cli.report import epoch_printer, figures, stop_line
from fastbp.cli.signals import Best, Terminated, reason
from fastbp.cli.table import name_list, read_header, read_table
from fastbp.datasets import DIGITS_PATH

MOMENTUM = 0.9
SHOWN = " (default: %(default)s)"
LEARNING_RATES = {"adam": 2e-3, "sgd": 1e-2}
LOGS = {".csv": fb.CSVLog, ".jsonl": fb.JSONLog}


@dataclass(frozen=True)
class Source:
    """What to call the data, the file it is in, its target column and the default model file."""

    title: str
    path: str
    target: str
    model: str


def add_command(commands: Any) -> None:
    """Add ``train`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network on a table",
        description=(
            "Train a network on a table in a text file: UTF-8, a header row, fields separated by "
            "commas, semicolons or tabs (.gz is read too), numbers in all columns but the target. "
            "Without a file: the bundled handwritten digits. Columns are standardised with the "
            "mean and standard deviation of the training rows; scaling, column and class names are "
            "saved with the model."
        ),
        epilog="example: fastbp train houses.csv --target price --hidden 64,32",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "data", nargs="?", metavar="DATA.csv", help="the table (default: the digits)"
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--task",
        choices=("auto", CLASSIFICATION, REGRESSION),
        default="auto",
        help=(
            "auto: classification if the target is not numeric or has at most "
            f"{MAX_INTEGER_CLASSES} distinct values, all integers (default: %(default)s)"
        ),
    )
    parser.add_argument(
        "--save", metavar="PATH", help="model file (default: the data's name, .fastbp)"
    )
    parser.add_argument(
        "--log",
        metavar="FILE",
        help="write the figures of each epoch to this file, a table (.csv) or JSON lines (.jsonl)",
    )
    _add_network_arguments(parser.add_argument_group("network"))
    _add_training_arguments(parser.add_argument_group("training"))


def _add_network_arguments(group: Any) -> None:
    group.add_argument(
        "--hidden",
        type=kinds.hidden_sizes,
        default="256",
        metavar="SIZES",
        help=f"units of the hidden layers, such as 64,32; {kinds.NO_HIDDEN_LAYER}: linear{SHOWN}",
    )
    group.add_argument(
        "--activation",
        type=kinds.activation,
        default="relu",
        metavar="NAME",
        help=f"activation of the hidden layers{SHOWN}",
    )
    group.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help=f"type of parameters and arithmetic{SHOWN}",
    )


def _add_training_arguments(group: Any) -> None:
    def add(flag: str, kind: Any, default: Any, text: str) -> None:
        shown = "" if default is None else SHOWN
        group.add_argument(flag, type=kind, default=default, metavar="N", help=text + shown)

    add("--epochs", kinds.count, 500, "most passes over the training rows")
    add("--batch-size", kinds.count, 32, "rows an update")
    group.add_argument(
        "--optimizer",
        choices=sorted(LEARNING_RATES),
        default="adam",
        help=f"update rule; sgd has momentum {MOMENTUM}{SHOWN}",
    )
    rates = ", ".join(f"{rate:g} for {name}" for name, rate in LEARNING_RATES.items())
    add("--learning-rate", kinds.above_zero, None, f"step length (default: {rates})")
    add("--seed", kinds.seed, 0, "seed of the split, the initial weights and the order of rows")
    add("--test-fraction", kinds.fraction, 0.2, "part of the rows held out for the final figures")
    add(
        "--validation-fraction",
        kinds.fraction,
        0.1,
        "part of the other rows to watch; the parameters that do best on them are kept",
    )
    add("--stop-loss", kinds.above_zero, None, "stop when the training loss is at most this")
    add(
        "--patience",
        kinds.count,
        50,
        "stop after so many epochs without a lower validation loss (training loss without one)",
    )
    add("--max-seconds", kinds.above_zero, None, "stop training after so many seconds")
    add("--threads", kinds.count, None, "threads to train with; the result does not depend on it")


def run(options: argparse.Namespace) -> int:
    """Train, print figures of the held-out rows and save the model."""
    began = time.perf_counter()
    source = _source(options)
    model_path = options.save or source.model
    _check_output("--save", model_path, {"the data": source.path})
    log = _log(options.log, {"the data": source.path, "the model": model_path})
    table = read_table(source.path, target=source.target)
    fractions = Fractions(options.test_fraction, options.validation_fraction)
    problem = make_problem(
        table, source.target, options.task, fractions, options.seed, options.dtype
    )
    network = _network(options, problem)
    print(f"data {source.title}: {_description(problem)}")
    print(repr(network).strip("<>"))
    network.metadata[METADATA_KEY] = problem.record.to_metadata()
    optimizer, best = _optimizer(options), Best()
    try:
        _fit(options, network, problem, optimizer, [best, *log])
    except (KeyboardInterrupt, Terminated) as error:
        if optimizer.steps == 0:
            raise
        return _save_unfinished(network, best, model_path, error)
    print(_verdict(network, problem))
    network.save(model_path)
    print(f"time {time.perf_counter() - began:.2f} s")
    print(f"model saved to {model_path}")
    if options.log is not None:
        print(f"log saved to {options.log}")
    return 0


def _save_unfinished(network: fb.Network, best: Best, path: str, error: BaseException) -> int:
    """Save what a fit that was stopped has come to; return the exit code."""
    words, code = reason(error)
    kept = "the last step"
    if best.params is not None:
        network.params, kept = best.params, "the best epoch so far"
    network.save(path)
    print(f"fastbp: {words}; the model of {kept} is saved to {path}", file=sys.stderr)
    return code


def _source(options: argparse.Namespace) -> Source:
    if options.data is None:
        if options.target is not None:
            raise UsageError("--target needs a data file, got none")
        return Source(
            "bundled handwritten digits", str(DIGITS_PATH), "digit", "fastbp-digits.fastbp"
        )
    if options.target is None:
        names = read_header(options.data).names
        raise UsageError(
            f"--target must name one of the columns of {options.data}: {name_list(names)}"
        )
    stem = Path(options.data.removesuffix(".gz")).stem
    return Source(options.data, options.data, options.target, f"{stem}.fastbp")


def _check_output(flag: str, path: str, others: Mapping[str, str]) -> None:
    """Check the path of a file to write, before time is spent on training."""
    if not Path(path).parent.is_dir():
        raise UsageError(f"{flag} must be in a folder that exists, got {path}")
    taken = [Path(other).resolve() for other in others.values()]
    if Path(path).is_dir() or Path(path).resolve() in taken:
        raise UsageError(f"{flag} must be a file other than {' and '.join(others)}, got {path}")


def _log(path: str | None, others: Mapping[str, str]) -> list[fb.Callback]:
    """Return what writes the log that is wanted."""
    if path is None:
        return []
    kind = LOGS.get(Path(path).suffix.lower())
    if kind is None:
        raise UsageError(f"--log must end with {' or '.join(LOGS)}, got {path}")
    _check_output("--log", path, others)
    return [kind(path)]


def _network(options: argparse.Namespace, problem: Problem) -> fb.Network:
    target = problem.record.target
    classify = isinstance(target, ClassTarget)
    return fb.mlp(
        [len(problem.record.columns), *options.hidden, target.n_outputs],
        hidden=options.activation,
        output="softmax" if classify else "identity",
        loss="cross_entropy" if classify else "mse",
        dtype=options.dtype,
        seed=options.seed,
    )


def _fit(
    options: argparse.Namespace,
    network: fb.Network,
    problem: Problem,
    optimizer: fb.Adam | fb.SGD,
    callbacks: list[fb.Callback],
) -> None:
    watched = problem.validation
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a divergence, raised below as an error
        history = network.fit(
            problem.training.x,
            problem.training.y,
            optimizer,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=None if watched is None else (watched.x, watched.y),
            stop=fb.Stop(
                loss=options.stop_loss,
                seconds=options.max_seconds,
                patience=options.patience,
                restore_best=watched is not None,
            ),
            callbacks=[epoch_printer(options.epochs, problem.record.target, watched), *callbacks],
            progress=False,
            threads=options.threads,
        )
    if history.stop_reason == "diverged":
        raise CommandError(
            f"no model was saved: {history.message}; a smaller --learning-rate may help"
        )
    print(stop_line(history))


def _optimizer(options: argparse.Namespace) -> fb.Adam | fb.SGD:
    rate = options.learning_rate or LEARNING_RATES[options.optimizer]
    return fb.Adam(rate) if options.optimizer == "adam" else fb.SGD(rate, momentum=MOMENTUM)


def _description(problem: Problem) -> str:
    parts = {
        "training": problem.training,
        "validation": problem.validation,
        "test": problem.test,
    }
    sizes = {name: len(part.x) if part else 0 for name, part in parts.items()}
    target = problem.record.target
    meaning = f"{len(target.classes)} classes" if isinstance(target, ClassTarget) else "a number"
    rows = ", ".join(f"{size} {name}" for name, size in sizes.items())
    return (
        f"{sum(sizes.values())} rows ({rows}), {len(problem.record.columns)} columns, "
        f"target {target.name!r}: {meaning}"
    )


def _verdict(network: fb.Network, problem: Problem) -> str:
    if problem.test is None:
        return "test: no rows were held out"
    words = figures(network, problem.record.target, problem.test)
    return f"test {words}  ({len(problem.test.x)} held-out rows)"
