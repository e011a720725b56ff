"""The arguments of ``fastbp train``."""

from __future__ import annotations

import argparse
from typing import Any

from fastbp.cli import options as kinds
from fastbp.cli.learning import LEARNING_RATES, MOMENTUM
from fastbp.cli.missing import POLICIES, REFUSE
from fastbp.cli.target import CLASSIFICATION, MAX_INTEGER_CLASSES, REGRESSION

SHOWN = " (default: %(default)s)"


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all arguments of the command."""
    parser.add_argument("data", nargs="?", metavar="FILE", help="the table (default: the digits)")
    _add_data_arguments(parser.add_argument_group("data"))
    _add_network_arguments(parser.add_argument_group("network"))
    _add_training_arguments(parser.add_argument_group("training"))
    _add_output_arguments(parser.add_argument_group("output"))


def _add_data_arguments(group: Any) -> None:
    group.add_argument("--target", metavar="COLUMN", help="the column to predict")
    group.add_argument(
        "--task",
        choices=("auto", CLASSIFICATION, REGRESSION),
        default="auto",
        help=(
            "auto: classification if the target is not numeric or has at most "
            f"{MAX_INTEGER_CLASSES} distinct values, all integers{SHOWN}"
        ),
    )
    group.add_argument(
        "--categorical",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that holds names although they look like numbers; may be repeated",
    )
    group.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column to leave out; may be repeated",
    )
    group.add_argument(
        "--missing",
        choices=POLICIES,
        default=REFUSE,
        help=(
            "what becomes of missing values: an error; filled with the mean, or the most frequent "
            f"category, of the training rows; or their rows left out{SHOWN}"
        ),
    )
    group.add_argument(
        "--test-fraction",
        type=kinds.fraction,
        default=0.2,
        metavar="PART",
        help=f"part of the rows held out for the final figures{SHOWN}",
    )
    group.add_argument(
        "--validation-fraction",
        type=kinds.fraction,
        default=0.1,
        metavar="PART",
        help=(
            "part of the other rows to watch; the parameters that do best on them are kept" + SHOWN
        ),
    )


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
    add("--stop-loss", kinds.above_zero, None, "stop when the training loss is at most this")
    add(
        "--patience",
        kinds.count,
        50,
        "stop after so many epochs without a lower validation loss (training loss without one)",
    )
    add("--max-seconds", kinds.above_zero, None, "stop training after so many seconds")
    add("--threads", kinds.count, None, "threads to train with; the result does not depend on it")


def _add_output_arguments(group: Any) -> None:
    group.add_argument(
        "--save", metavar="PATH", help="model file (default: the data's name, .fastbp)"
    )
    group.add_argument(
        "--log",
        metavar="PATH",
        help="write the figures of each epoch to this file, a table (.csv) or JSON lines (.jsonl)",
    )
    group.add_argument(
        "--plot",
        metavar="PATH",
        help=(
            "draw learning curves and the confusion matrix, or predictions and residuals, to this "
            "file (.png, .svg or .pdf); needs matplotlib"
        ),
    )
    group.add_argument(
        "--show-every",
        type=kinds.count,
        metavar="N",
        help="epochs from one row of the printed table to the next (default: 1; in a terminal "
        "fewer rows in long trainings)",
    )
    group.add_argument(
        "--json", action="store_true", help="one JSON object on stdout, everything else on stderr"
    )
    group.add_argument(
        "--config", metavar="FILE.toml", help="take options from this file; others here go before"
    )
    group.add_argument(
        "--save-config", metavar="FILE.toml", help="write all options to this file, for --config"
    )
