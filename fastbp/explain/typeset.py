"""Formulas as HTML: italic variables, indices as subscripts, Greek letters, out of plain text."""

from __future__ import annotations

import re
from html import escape, unescape

# HTML has the letters by the names that formulas call them.
GREEK = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "eta",
    "lambda",
    "mu",
    "phi",
    "sigma",
    "Phi",
    "Delta",
)
LETTERS = {name: unescape(f"&{name};") for name in GREEK} | {"yhat": "ŷ", "mhat": "m̂", "vhat": "v̂"}
# dL/dw1[2,1]: the d of a derivative is upright, what follows it is a name of its own.
TOKEN = re.compile(
    r"""(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    | (?P<differential>d(?=(?:[Dd]elta|yhat|scale|shift|[A-Za-z])(?![a-z])))
    | (?P<name>[^\W\d_]+)(?P<layer>\d*)(?P<primes>'*)(?P<index>(?:\[[^\]]*\])*)
    | \^(?P<power>\d+(?:\.\d+)?(?:e[+-]?\d+)?|\w+(?:\[[^\]]*\])*|\((?:[^()]|\([^()]*\))*\))
    | (?P<times>\*)
    """,
    re.VERBOSE,
)


def typeset(text: str) -> str:
    """Return a formula of a trace as HTML; its text content stays what a reader can copy.

    Parameters
    ----------
    text : str
        A formula in plain text, such as "w1[2,1] x[1] + b1[2]" or "-0.415 * 0.731".

    Returns
    -------
    str
        Markup of ``i``, ``sub``, ``sup`` and ``span`` elements; all else is escaped.

    Examples
    --------
    >>> typeset("z1 = 0.5 * x[2]")
    '<i>z</i><sub>1</sub> = 0.5 <span class="times">*</span> <i>x</i><sub>[2]</sub>'
    >>> typeset("delta1 < exp(-x)^2")
    '<i>δ</i><sub>1</sub> &lt; exp(-<i>x</i>)<sup>2</sup>'
    >>> typeset("e^2.119 / e^(-0.669)")
    '<i>e</i><sup>2.119</sup> / <i>e</i><sup>(-0.669)</sup>'
    """
    pieces = []
    end = 0
    for match in TOKEN.finditer(text):
        pieces += [escape(text[end : match.start()], quote=False), _piece(match)]
        end = match.end()
    return "".join([*pieces, escape(text[end:], quote=False)])


def prose(text: str) -> str:
    """Return a sentence as HTML, the names of figures in it as formulas have them.

    Examples
    --------
    >>> prose("a unit weighs x by w1")
    'a unit weighs x by <i>w</i><sub>1</sub>'
    """
    pieces = re.split(r"(?<![\w/])((?:dL/d)?(?:delta|yhat|[abwz])\d+(?:\[[\d,]+\])*(?!\w))", text)
    return "".join(typeset(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


def parts(name: str) -> tuple[str, str]:
    """Split a name into what stands on the line and its subscript.

    Parameters
    ----------
    name : str
        A name with or without layer and indices, such as "delta1[2]".

    Returns
    -------
    letter, subscript : tuple of str
        Not escaped; the subscript may be empty.

    Examples
    --------
    >>> parts("delta1[2]")
    ('δ', '1[2]')
    """
    match = re.fullmatch(r"([^\W\d_]+)(\d*'*(?:\[[^\]]*\])*)", name)
    return (LETTERS.get(match[1], match[1]), match[2]) if match else (name, "")


def _piece(match: re.Match[str]) -> str:
    """Return the markup of one token."""
    if match["name"] is not None:
        return _name(match["name"], match["layer"], match["primes"], match["index"])
    if match["power"] is not None:
        return f"<sup>{typeset(match['power'])}</sup>"
    if match["times"] is not None:
        return '<span class="times">*</span>'
    return escape(match[0], quote=False)


def _name(word: str, layer: str, primes: str, index: str) -> str:
    """Return the markup of a variable, or of a function's name, which is upright."""
    letter = LETTERS.get(word, word)
    shown = escape(letter) if letter == word and len(word) > 1 else f"<i>{letter}</i>"
    if not primes:
        return shown + _lowered(layer + index)
    return shown + _lowered(layer) + primes + _lowered(index)


def _lowered(text: str) -> str:
    """Return a subscript; which row it is matters less than which figure it is."""
    marked = re.sub(r"\[\D[^\]]*\]", r'<span class="which">\g<0></span>', escape(text))
    return f"<sub>{marked}</sub>" if text else ""
