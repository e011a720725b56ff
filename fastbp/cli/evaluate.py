"""``fastbp evaluate``: how good a saved model is on a table with its target."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from fastbp.cli import report
from fastbp.cli.errors import DataError
from fastbp.cli.figures import figures, one_line
from fastbp.cli.missing import DROP, REFUSE
from fastbp.cli.record import load_model


def add_command(commands: Any) -> None:
    """Add ``evaluate`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="judge a saved model on a table",
        description=(
            "Judge a model on a table that has the target column: accuracy, figures of each class "
            "and the confusion matrix, or R2 and mean errors."
        ),
        epilog="example: fastbp evaluate houses.fastbp sold.csv",
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="file saved by fastbp train")
    parser.add_argument("data", metavar="FILE", help="table with the columns of the training")
    parser.add_argument(
        "--missing",
        choices=(REFUSE, DROP),
        default=REFUSE,
        help=(
            "what becomes of values that are missing and that the model does not fill: an error, "
            "or their rows left out (default: %(default)s)"
        ),
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Print the figures."""
    model = load_model(options.model)
    whole = model.read(options.data, with_target=True)
    table = model.complete(whole, drop=options.missing == DROP)
    left_out = whole.n_rows - table.n_rows
    if not table.n_rows:
        raise DataError(f"{options.data}: must have rows without missing values, got none")
    y = model.target.values(table)
    found = figures(model.target, model.predict(table), y)
    if options.json:
        print(json.dumps({"left_out": left_out, **found}, ensure_ascii=False))
        return 0
    print(f"{one_line(found)}  ({found['rows']} rows{f', {left_out} left out' * bool(left_out)})")
    if "classes" in found:
        print(report.details(found))
    return 0
