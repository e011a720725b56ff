"""Types of command-line values: each turns a word into a value or says what it must be."""

import argparse
import math

import fastbp as fb

NO_HIDDEN_LAYER = "none"


def count(word: str) -> int:
    """Return a whole number of at least 1."""
    return _whole_number(word, 1)


def seed(word: str) -> int:
    """Return a whole number of at least 0."""
    return _whole_number(word, 0)


def above_zero(word: str) -> float:
    """Return a finite number above 0."""
    value = _number(word)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {word!r}")
    return value


def fraction(word: str) -> float:
    """Return a number from 0 up to, not including, 1."""
    value = _number(word)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {word!r}")
    return value


def hidden_sizes(word: str) -> list[int]:
    """Return the sizes of the hidden layers: ``64,32`` is [64, 32], ``none`` is []."""
    if word.strip().lower() == NO_HIDDEN_LAYER:
        return []
    try:
        return [count(size) for size in word.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers above 0 such as 64,32, or {NO_HIDDEN_LAYER}, got {word!r}"
        ) from None


def activation(word: str) -> str:
    """Return the name of an activation that a layer can have."""
    try:
        return fb.Dense(1, word).activation
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _whole_number(word: str, least: int) -> int:
    try:
        value = int(word)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"must be a whole number >= {least}, got {word!r}")
    return value


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
