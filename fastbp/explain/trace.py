"""Trace: every figure of one training step, to be read, printed, typeset or handed on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from fastbp import checks
from fastbp.explain.catalogue import catalogue
from fastbp.explain.step import Step

VERSION = 1
MOST_DIGITS = 15


@dataclass(frozen=True)
class Contents:
    """What a trace says beside its steps.

    Attributes
    ----------
    network : dict
        Description and parameters before and after, as in `Trace.to_dict`.
    optimizer : str
    x, y : lists of rows
    loss : float
    largest_difference : float
    shortened : bool
    n_rows : int
    """

    network: dict[str, Any]
    optimizer: str
    x: list[list[float]]
    y: list[list[float]]
    loss: float
    largest_difference: float
    shortened: bool
    n_rows: int


class Trace:
    """One training step, figure by figure; `Network.explain` makes it.

    Parameters
    ----------
    contents : Contents
    steps : list of Step
    digits : int
        Decimals of the numbers shown, 1 to 15.
    language : str
        "en", "vi", or another that there is a file of texts for.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
    >>> net.params = [0.5, 0.0, 0.8, 0.0]
    >>> trace = net.explain([[2.0]], [1.0], fb.SGD(0.1))
    >>> trace
    <Trace of 1-1-1, 1 row, SGD: 16 steps, loss 0.08618>
    """

    def __init__(self, contents: Contents, steps: list[Step], digits: int, language: str) -> None:
        self._contents = contents
        self._steps = steps
        self.digits = checks.integer("digits", digits, 1, MOST_DIGITS)
        self._catalogue = catalogue(language)

    def __repr__(self) -> str:
        contents, rows = self._contents, self._contents.n_rows
        return (
            f"<Trace of {'-'.join(map(str, contents.network['sizes']))}, {rows} "
            f"row{'s' * (rows > 1)}, {contents.optimizer.partition('(')[0]}: {len(self._steps)} "
            f"steps, loss {contents.loss:.4g}>"
        )

    @property
    def language(self) -> str:
        """The language of the texts."""
        return self._catalogue.language

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        contents = self._contents
        size = contents.network["sizes"], contents.n_rows
        steps = [step.described(self.digits, self._catalogue, *size) for step in self._steps]
        return {
            "version": VERSION,
            "language": self.language,
            "digits": self.digits,
            "title": self._catalogue.words["title"],
            "network": contents.network,
            "optimizer": contents.optimizer,
            "x": contents.x,
            "y": contents.y,
            "loss": contents.loss,
            "largest_difference": contents.largest_difference,
            "shortened": contents.shortened,
            "words": dict(self._catalogue.words),
            "steps": steps,
        }

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write one self-contained page in which the step can be gone through, back and forth.

        Parameters
        ----------
        path : str or PathLike
            The file to make, or to replace all or nothing.

        Raises
        ------
        OSError
            The file cannot be written.

        Notes
        -----
        The page loads nothing and needs no server. It is linked to a step by `#step-7`, prints
        with every step, and shows them one below the other where scripts do not run.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import fastbp as fb
        >>> trace = fb.mlp([2, 3, 1], seed=0).explain([[1.0, 0.0]], [1.0], fb.SGD(0.1))
        >>> path = Path(tempfile.mkdtemp(), "step.html")
        >>> trace.to_html(path)
        >>> path.read_text(encoding="utf-8").splitlines()[0]
        '<!DOCTYPE html>'
        """
        from fastbp.explain.page import write_page

        write_page(path, self.to_dict())
