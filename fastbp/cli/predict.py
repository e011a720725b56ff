"""``fastbp predict``: predictions of a saved model for the rows of a table."""

import argparse
import csv
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

import fastbp as fb
from fastbp.cli.encoding import ClassTarget
from fastbp.cli.errors import DataError, UsageError
from fastbp.cli.record import METADATA_KEY, TableRecord
from fastbp.cli.table import read_table


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
    parser.add_argument("data", metavar="DATA.csv", help="table with the columns of the training")
    parser.add_argument("--output", metavar="FILE", help="file to write (default: the terminal)")
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="add a column probability_CLASS for each class (classification only)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the predictions."""
    network, record = load_model(options.model)
    target = record.target
    if options.probabilities and not isinstance(target, ClassTarget):
        raise UsageError(
            "--probabilities must come with a model of classes, "
            f"got one of the number {target.name!r}"
        )
    table = read_table(options.data, columns=record.columns)
    outputs = network.predict(record.inputs(table, network.dtype))
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


def load_model(path: str) -> tuple[fb.Network, TableRecord]:
    """Return the network of a model file and the record of its table.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    network : Network
        The network.
    record : TableRecord
        What its inputs and outputs mean.

    Raises
    ------
    DataError
        If there is no such file or it is no model of `fastbp train`.
    """
    try:
        network = fb.load(path)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except fb.FileFormatError as error:
        raise DataError(f"{path}: {error}") from None
    record = TableRecord.from_metadata(path, network.metadata.get(METADATA_KEY), network.sizes)
    return network, record


def _destination(path: str | None) -> AbstractContextManager[TextIO]:
    if path is None:
        return nullcontext(sys.stdout)
    return open(path, "w", encoding="utf-8", newline="")
