"""Options in a TOML file: what ``--config`` reads and ``--save-config`` writes.

A key is an option without its two hyphens, ``data`` the file. What is read becomes words of the
command line, so that a file and the command line say the same and fail in the same way.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from fastbp.cli.errors import DataError, UsageError
from fastbp.cli.options import NO_HIDDEN_LAYER
from fastbp.cli.tables.table import name_list

# Options of the file itself, which it does not have.
OUTSIDE = ("config", "save_config", "help")


def settings(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return all options as keys and values of a file, those that are not given left out."""
    found = {}
    for action in _actions(parser).values():
        value = getattr(options, action.dest)
        if value is None or value is False or (value == [] and action.dest != "hidden"):
            continue
        found[_key(action)] = value
    return found


def to_toml(options: Mapping[str, Any]) -> str:
    """Return the text of a file."""
    return "".join(f"{key} = {_literal(value)}\n" for key, value in options.items())


def _literal(value: Any) -> str:
    """Return a value as TOML has it; strings and lists are as in JSON."""
    if isinstance(value, float):
        return repr(value)
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def words_of(path: str, parser: argparse.ArgumentParser, given: Sequence[str]) -> list[str]:
    """Return the words of the command line that a file stands for.

    Parameters
    ----------
    path : str
        The file.
    parser : ArgumentParser
        The parser of the command.
    given : sequence of str
        Options (their names in the parser) that the command line has and the file is not asked for.

    Raises
    ------
    DataError
        If there is no such file or it is no TOML.
    UsageError
        If a key is no option, or a value not of the option's kind.
    """
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: must be TOML: {error}") from None
    actions = _actions(parser)
    words: list[str] = []
    for key, value in found.items():
        if key not in actions:
            raise UsageError(
                f"{path}: keys must be options of {parser.prog}, got {key!r} "
                f"(known: {name_list(sorted(actions), 99)})"
            )
        if actions[key].dest not in given:
            words += _words(path, key, actions[key], value)
    return words


def _words(path: str, key: str, action: argparse.Action, value: Any) -> list[str]:
    """Return the words of one option."""
    is_flag = action.nargs == 0
    if is_flag != isinstance(value, bool):
        rule = "true or false" if is_flag else "a number or a text"
        raise UsageError(f"{path}: {key} must be {rule}, got {value!r}")
    if is_flag:
        return [f"--{key}"] if value else []
    if key == "hidden" and isinstance(value, list):
        value = ",".join(map(str, value)) or NO_HIDDEN_LAYER
    repeated = isinstance(action, argparse._AppendAction)
    values = value if repeated and isinstance(value, list) else [value]
    for item in values:
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise UsageError(f"{path}: {key} must be a number or a text, got {item!r}")
    if not action.option_strings:
        return list(map(str, values))
    return [f"--{key}={item}" for item in values]


def given_options(parser: argparse.ArgumentParser, argv: Sequence[str]) -> list[str]:
    """Return the names of the options that some words have."""
    defaults = {action: action.default for action in parser._actions}
    try:
        for action in defaults:
            action.default = argparse.SUPPRESS
        return list(vars(parser.parse_args(argv)))
    finally:
        for action, default in defaults.items():
            action.default = default


def _actions(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options that a file can have, by their keys."""
    return {_key(action): action for action in parser._actions if action.dest not in OUTSIDE}


def _key(action: argparse.Action) -> str:
    return action.dest.replace("_", "-")
