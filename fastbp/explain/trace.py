"""Trace: every figure of one training step, to be read, printed, typeset or handed on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from fastbp import checks
from fastbp.explain.catalogue import catalogue
from fastbp.explain.latex import as_latex
from fastbp.explain.markdown import as_markdown
from fastbp.explain.notebook import as_html
from fastbp.explain.step import Step
from fastbp.explain.summary import Summary
from fastbp.explain.text import as_rich_text, as_text, has_rich

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
    source : str
        "reference", or "kernels" where the twin would take too long.
    """

    network: dict[str, Any]
    optimizer: str
    x: list[list[float]]
    y: list[list[float]]
    loss: float
    largest_difference: float
    shortened: bool
    n_rows: int
    source: str


class Trace:
    """One training step, figure by figure; `Network.explain` makes it.

    Parameters
    ----------
    contents : Contents
    steps : list of Step or Summary
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

    def __init__(
        self, contents: Contents, steps: Sequence[Step | Summary], digits: int, language: str
    ) -> None:
        self._contents = contents
        self._steps = list(steps)
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

    def __str__(self) -> str:
        if sys.stdout.isatty() and has_rich():
            return as_rich_text(self.to_dict())
        return self.to_text()

    def _repr_html_(self) -> str:
        return as_html(self.to_dict())

    def rounded(self, digits: int) -> Trace:
        """Return the same trace with another number of decimals.

        Parameters
        ----------
        digits : int
            1 to 15.

        Returns
        -------
        Trace

        Examples
        --------
        >>> import fastbp as fb
        >>> trace = fb.mlp([1, 1], seed=1).explain([[2.0]], [1.0])
        >>> trace.rounded(6).digits
        6
        """
        return Trace(self._contents, self._steps, digits, self.language)

    def to_text(self) -> str:
        """Return plain text; `print(trace)` shows it, in a terminal with colours if rich is there.

        Returns
        -------
        str

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init=[[0.5]])], dtype="float64")
        >>> print(net.explain([[2.0]], [1.0]).to_text().splitlines()[11])
             z1 = w1 x + b1 = 0.5 * 2 + 0 = 1
        """
        return as_text(self.to_dict())

    def to_latex(self) -> str:
        """Return a fragment of a LaTeX document, which must use the package amsmath.

        Texts in Vietnamese want LuaLaTeX or XeLaTeX, or the font encoding T5.

        Returns
        -------
        str

        Examples
        --------
        >>> import fastbp as fb
        >>> "align*" in fb.mlp([1, 1]).explain([[2.0]], [1.0]).to_latex()
        True
        """
        return as_latex(self.to_dict())

    def to_markdown(self) -> str:
        """Return Markdown as GitHub shows it, formulas between dollar signs.

        Returns
        -------
        str

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.mlp([1, 1]).explain([[2.0]], [1.0]).to_markdown().splitlines()[0]
        '# One step of backpropagation'
        """
        return as_markdown(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, of which all other forms are made.

        Returns
        -------
        dict
            version, language, digits, title, network (sizes, loss, dtype, layers, weights and
            biases before and after), optimizer, x, y, loss, largest_difference, shortened,
            source, words and steps. A step has phase, kind, layer, row, unit, input, title, why,
            symbol, formula, numbers, result, shown, note, latex, terms, node and edge.

        Examples
        --------
        >>> import fastbp as fb
        >>> contents = fb.mlp([1, 1]).explain([[2.0]], [1.0]).to_dict()
        >>> [step["kind"] for step in contents["steps"]][:4]
        ['z', 'a', 'loss', 'delta']
        """
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
            "source": contents.source,
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
