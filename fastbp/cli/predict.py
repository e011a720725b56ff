"""``fastbp predict``: predictions of a saved model for the rows of a table."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

from fastbp.cli.errors import UsageError
from fastbp.cli.record import load_model
from fastbp.cli.target import ClassTarget


def add_command(commands: Any) -> None:
    """Add ``predict`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "predict",
        help="predict with a saved model",
        description=(
            "Write a prediction for each row of a table, as CSV. Columns are found by their names: "
            "their order does not matter and columns the model does not know are ignored."
        ),
        epilog="example: fastbp predict houses.fastbp new.csv --output predictions.csv",
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="file saved by fastbp train")
    parser.add_argument("data", metavar="FILE", help="table with the columns of the training")
    parser.add_argument("--output", metavar="PATH", help="file to write (default: the terminal)")
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="add a column probability_CLASS for each class (classification only)",
    )


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Write the predictions."""
    model = load_model(options.model)
    target = model.target
    if options.probabilities and not isinstance(target, ClassTarget):
        raise UsageError(
            "--probabilities must come with a model of classes, "
            f"got one of the number {target.name!r}"
        )
    outputs = model.predict(model.complete(model.read(options.data)))
    names = ["prediction"]
    columns = [target.decode(outputs)]
    if options.probabilities and isinstance(target, ClassTarget):
        names += [f"probability_{name}" for name in target.classes]
        columns += outputs.T.astype(str).tolist()
    with _destination(options.output) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))
    return 0


def _destination(path: str | None) -> AbstractContextManager[TextIO]:
    if path is None:
        return nullcontext(sys.stdout)
    return open(path, "w", encoding="utf-8", newline="")
