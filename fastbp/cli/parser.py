"""The command's argument parser; each subcommand adds its own arguments."""

import argparse
from typing import NoReturn

import fastbp as fb
from fastbp.cli import bench, evaluate, explain, info, predict, train
from fastbp.cli.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line and go through ``main``."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint with a pointer to the help text."""
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def build_parser() -> Parser:
    """Return the parser of ``fastbp`` with all its subcommands."""
    parser = Parser(
        prog="fastbp",
        description="Train small neural networks on tables and predict with them.",
        epilog="example: fastbp train            (the bundled handwritten digits)",
    )
    parser.add_argument("--version", action="version", version=f"fastbp {fb.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    train.add_command(commands)
    predict.add_command(commands)
    evaluate.add_command(commands)
    info.add_command(commands)
    explain.add_command(commands)
    bench.add_command(commands)
    return parser
