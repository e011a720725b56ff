"""What ``fastbp explain`` explains: a network, an optimizer and the rows of one step."""

from __future__ import annotations

import argparse
import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastbp as fb
from fastbp.cli.errors import DataError, UsageError
from fastbp.cli.missing import check_complete
from fastbp.cli.model import METADATA_KEY
from fastbp.cli.record import load_model, load_network
from fastbp.cli.tables import read_names, read_table
from fastbp.cli.tables.table import NUMBERS, WORDS, Table, check_names, name_list
from fastbp.optimizers import BY_NAME, Optimizer

# A step that can be seen in the textbook example.
LEARNING_RATE = 0.1
# Losses whose targets, with one output activation each, may be class numbers.
OF_CLASSES = ("cross_entropy",)


@dataclass(frozen=True)
class Subject:
    """A network and the rows of a step."""

    network: fb.Network
    x: Any
    y: Any


def textbook() -> Subject:
    """Return the textbook example: one input, one sigmoid unit, one output."""
    network = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
    network.params = [0.5, 0.0, 0.8, 0.0]
    return Subject(network, [[2.0]], [1.0])


def from_sizes(options: argparse.Namespace) -> Subject:
    """Return a new network with the rows that the options have.

    Raises
    ------
    UsageError
        Rows are missing or do not fit, or a name is unknown.
    """
    for name in ("x", "y"):
        if getattr(options, name) is None:
            raise UsageError(f"--sizes must come with --{name}, got none")
    output = options.output or "identity"
    loss = options.loss or "mse"
    try:
        network = fb.mlp(
            options.sizes,
            hidden=options.hidden or "sigmoid",
            output=output,
            loss=loss,
            dtype="float64",
            seed=options.seed or 0,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Subject(network, options.x, _targets(network, options.y))


def _targets(network: fb.Network, y: list[list[float]]) -> Any:
    """Return targets as the network takes them: a number a row may be its class."""
    if network.loss.partition("(")[0] in OF_CLASSES and all(len(row) == 1 for row in y):
        classes = [row[0] for row in y]
        return [int(one) if one == int(one) else one for one in classes]
    return y


def from_model(path: str, data: str, row: int) -> Subject:
    """Return a saved network with a row of a table, counted from 1.

    Raises
    ------
    DataError
        A file is not what it must be, or there is no such row.
    """
    network = load_network(path)
    if METADATA_KEY in network.metadata:
        model = load_model(path)
        table = _row_of(model.read(data, with_target=True), row)
        table = model.complete(table)
        model.check_fits(table)
        inputs = table.select(column.name for column in model.columns.columns)
        return Subject(model.network, inputs.plain(), model.target.values(table))
    return _from_columns(network, data, row)


def _row_of(table: Table, row: int) -> Table:
    if row > table.n_rows:
        raise DataError(f"{table.path}: must have row {row}, got {table.n_rows} rows")
    return table.take(np.array([row - 1], dtype=np.int64))


def _from_columns(network: fb.Network, data: str, row: int) -> Subject:
    """Return a network without a record of its table: the first columns are its inputs."""
    names = read_names(data)
    known = getattr(network.inputs, "names", None)
    n_in = network.sizes[0] if network.inputs is None else network.inputs.n_in
    inputs = list(known) if known else names[:n_in]
    check_names(data, names, inputs)
    targets = [name for name in names if name not in inputs]
    # Class numbers, or an output each; a mean and a variance share one.
    loss = network.loss.partition("(")[0]
    wanted = {1} if loss in OF_CLASSES else set()
    wanted |= {network.sizes[-1] // 2 if loss == "gaussian_nll" else network.sizes[-1]}
    if len(inputs) != n_in or len(targets) not in wanted:
        numbers = " or ".join(str(number) for number in sorted(wanted))
        raise DataError(
            f"{data}: must have {n_in} columns of inputs and then {numbers} of targets, got the "
            f"columns {name_list(names)}"
        )
    infos = {info.name: info.kind for info in getattr(network.inputs, "columns", ())}
    kinds: dict[str, str | None] = {
        name: NUMBERS if infos.get(name, "numeric") == "numeric" else WORDS
        for name in [*inputs, *targets]
    }
    table = _row_of(read_table(data, kinds), row)
    check_complete(table, "")
    y = np.array([table.columns[name] for name in targets]).T
    x: Any = table.select(inputs).plain()
    if not known:
        x = np.array(list(x.values())).T
    return Subject(network, x, _targets(network, y.tolist()))


def optimizer_of(word: str, learning_rate: float | None) -> Optimizer:
    """Return the optimizer of a name, or of a call such as ``SGD(0.1, momentum=0.9)``.

    Raises
    ------
    UsageError
        It is none, or has no such settings.
    """
    name, bracket, _ = word.partition("(")
    kind: Any = BY_NAME.get(name.strip().lower())
    if kind is None:
        raise UsageError(f"--optimizer must be one of {', '.join(BY_NAME)}, got {word!r}")
    try:
        given, settings = _arguments(word) if bracket else ([], {})
        if learning_rate is not None:
            given, settings["learning_rate"] = given[1:], learning_rate
        elif not bracket and kind is fb.SGD:
            settings["learning_rate"] = LEARNING_RATE
        made: Optimizer = kind(*given, **settings)
    except (SyntaxError, TypeError, ValueError) as error:
        raise UsageError(f"--optimizer: {error}, got {word!r}") from None
    return made


def _arguments(word: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the literals of a call; nothing of it is executed."""
    call = ast.parse(word.strip(), mode="eval").body
    if not isinstance(call, ast.Call):
        raise ValueError("must be a name, or a name with settings in brackets")
    given = [ast.literal_eval(node) for node in call.args]
    return given, {str(node.arg): ast.literal_eval(node.value) for node in call.keywords}
