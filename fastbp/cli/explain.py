"""``fastbp explain``: the working of one training step, figure by figure."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.atomic import replace_file
from fastbp.cli import options as kinds
from fastbp.cli.errors import CommandError, DataError, UsageError
from fastbp.cli.outputs import check_outputs
from fastbp.cli.subject import Subject, from_model, from_sizes, optimizer_of, textbook

if TYPE_CHECKING:
    from fastbp.explain import Trace

SHOWN = " (default: %(default)s)"
# What only a network that is made here can be told.
OF_SIZES = ("x", "y", "seed", "hidden", "output", "loss")


def add_command(commands: Any) -> None:
    """Add ``explain`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "explain",
        help="show the working of one training step",
        description=(
            "Show every figure of one step of backpropagation, with its formula and its numbers: "
            "of the textbook example, of a new network (--sizes), or of a saved model and a row of "
            "a table. Nothing is trained."
        ),
        epilog="example: fastbp explain --sizes 2,3,1 --x 1,0 --y 1 --seed 0",
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="file saved by fastbp train")
    parser.add_argument("data", nargs="?", metavar="FILE", help="table with the target")
    parser.add_argument(
        "--row", type=kinds.count, metavar="N", help="row of the table, from 1 (default: 1)"
    )
    _add_network_arguments(parser.add_argument_group("a new network"))
    _add_step_arguments(parser.add_argument_group("step"))
    _add_output_arguments(parser.add_argument_group("output"))


def _add_network_arguments(group: Any) -> None:
    group.add_argument(
        "--sizes", type=sizes, metavar="N,N", help="inputs, hidden units, outputs: 2,3,1"
    )
    group.add_argument(
        "--x", type=rows, metavar="NUMBERS", help="the inputs; 1,0;0,1 is two rows, --x=-1,0 one"
    )
    group.add_argument("--y", type=rows, metavar="NUMBERS", help="the targets, or a class from 0")
    group.add_argument("--seed", type=kinds.seed, metavar="N", help="of the weights (default: 0)")
    group.add_argument("--hidden", metavar="NAME", help="hidden activation (default: sigmoid)")
    group.add_argument("--output", metavar="NAME", help="output activation (default: identity)")
    group.add_argument("--loss", metavar="NAME", help="loss (default: mse)")


def _add_step_arguments(group: Any) -> None:
    group.add_argument(
        "--optimizer",
        default="sgd",
        metavar="NAME",
        help="such as adam, or with settings: 'SGD(0.1, momentum=0.9)'" + SHOWN,
    )
    group.add_argument(
        "--learning-rate",
        type=kinds.above_zero,
        metavar="RATE",
        help="default: 0.1 for sgd, otherwise the optimizer's own",
    )


def _add_output_arguments(group: Any) -> None:
    group.add_argument("--html", metavar="PATH", help="write a page to step through")
    group.add_argument("--latex", metavar="PATH", help="write a fragment of a LaTeX document")
    group.add_argument("--markdown", metavar="PATH", help="write Markdown")
    group.add_argument("--json", action="store_true", help="one JSON object on stdout")
    group.add_argument(
        "--digits", type=kinds.count, default=3, metavar="N", help="decimals" + SHOWN
    )
    group.add_argument("--language", default="en", metavar="NAME", help="en or vi" + SHOWN)


def sizes(word: str) -> list[int]:
    """Return the widths of a network: ``2,3,1`` is [2, 3, 1]."""
    found = kinds.hidden_sizes(word)
    if len(found) < 2:
        raise argparse.ArgumentTypeError(
            f"must be inputs and outputs at least, such as 2,3,1, got {word!r}"
        )
    return found


def rows(word: str) -> list[list[float]]:
    """Return rows of numbers: ``1,0;0,1`` is [[1, 0], [0, 1]]."""
    try:
        return [[float(number) for number in row.split(",")] for row in word.split(";")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be numbers such as 1,0, rows apart by a semicolon, got {word!r}"
        ) from None


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Explain, and print or write it."""
    files = {"--html": options.html, "--latex": options.latex, "--markdown": options.markdown}
    check_outputs(files, options.data or options.model or "")
    subject = _subject(options)
    optimizer = optimizer_of(options.optimizer, options.learning_rate)
    try:
        trace = subject.network.explain(
            subject.x, subject.y, optimizer, digits=options.digits, language=options.language
        )
    except FloatingPointError as error:
        raise CommandError(str(error)) from None
    except (TypeError, ValueError) as error:
        kind = DataError if options.model else UsageError
        raise kind(str(error)) from None
    _write(trace, options)
    return 0


def _subject(options: argparse.Namespace) -> Subject:
    """Return the network and the rows that the options ask about."""
    if options.sizes is None:
        for name in OF_SIZES:
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} must come with --sizes, got none")
    if options.model is None:
        if options.row is not None:
            raise UsageError("--row must come with a model and a table, got none")
        return textbook() if options.sizes is None else from_sizes(options)
    if options.sizes is not None:
        raise UsageError("--sizes must come without a model, got both")
    if options.data is None:
        raise UsageError(f"a model must come with a table, got {options.model} alone")
    return from_model(options.model, options.data, options.row or 1)


def _write(trace: Trace, options: argparse.Namespace) -> None:
    """Write the files that are wanted, or print the trace."""
    makers: list[tuple[str | None, Callable[[], str]]] = [
        (options.latex, trace.to_latex),
        (options.markdown, trace.to_markdown),
    ]
    if options.html is not None:
        from fastbp.explain.page import write_page

        write_page(options.html, trace.to_dict())
    for path, make in makers:
        if path is not None:
            replace_file(Path(path), [make().encode("utf-8")])
    if options.json:
        print(json.dumps(trace.to_dict(), ensure_ascii=False, allow_nan=False))
    elif not any((options.html, options.latex, options.markdown)):
        print(trace)
