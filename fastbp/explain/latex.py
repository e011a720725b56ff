"""A trace in LaTeX: a fragment of a document that uses amsmath."""

from __future__ import annotations

from typing import Any

from fastbp.explain.text import head_of, numbered
from fastbp.explain.writing import escaped

# What is wider goes on in another line.
WIDEST = 90
BRACKETS = {"{": 1, "}": -1, "(": 1, ")": -1}


def as_latex(contents: dict[str, Any]) -> str:
    """Return a trace as a fragment of LaTeX.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
    """
    lines = [f"\\section*{{{escaped(contents['title'])}}}"]
    lines += [f"{escaped(line)}\\par" for line in head_of(contents)]
    for title, _, step, why in numbered(contents):
        if title is not None:
            lines += ["", f"\\subsection*{{{escaped(title)}}}"]
        lines.append(f"\\paragraph{{{escaped(step['title'])}.}}")
        if why is not None:
            lines.append(escaped(why))
        lines += [*formula_of(step), *(f"{escaped(text)}\\par" for text in _remarks(step))]
    return "\n".join(lines) + "\n"


def _remarks(step: dict[str, Any]) -> list[str]:
    return [step["note"]] if step["note"] else []


def formula_of(step: dict[str, Any]) -> list[str]:
    """Return the lines of a step's formula, an align* environment."""
    first, *others = formula_parts(step)
    becomes = "\\leftarrow" if step["phase"] == "update" else "="
    rows = [f"  {first} &{becomes} {broken(others[0])}"]
    rows += [f"  &= {broken(row)}" for row in others[1:]]
    return ["\\begin{align*}", " \\\\\n".join(rows), "\\end{align*}"]


def formula_parts(step: dict[str, Any]) -> list[str]:
    """Return symbol, formula, numbers and result in LaTeX, nothing twice in a row."""
    latex, parts = step["latex"], list[str]()
    for key in ("symbol", "formula", "numbers", "shown"):
        if not parts or parts[-1] != latex[key]:
            parts.append(latex[key])
    return parts


def broken(formula: str) -> str:
    r"""Return a formula broken at plus signs that stand in no brackets, where it is too wide.

    Examples
    --------
    >>> print(broken(" + ".join(["w^{(1)}_{1,2} a^{(1)}_{2}"] * 5)))
    w^{(1)}_{1,2} a^{(1)}_{2} + w^{(1)}_{1,2} a^{(1)}_{2} + w^{(1)}_{1,2} a^{(1)}_{2} \\
      &\quad + w^{(1)}_{1,2} a^{(1)}_{2} + w^{(1)}_{1,2} a^{(1)}_{2}
    """
    pieces, depth, start = [], 0, 0
    for place, letter in enumerate(formula):
        depth += BRACKETS.get(letter, 0)
        if depth == 0 and formula.startswith(" + ", place):
            pieces.append(formula[start:place])
            start = place + 3
    lines = [""]
    for piece in [*pieces, formula[start:]]:
        joined = f"{lines[-1]} + {piece}" if lines[-1] else piece
        if len(joined) > WIDEST and lines[-1]:
            lines.append(piece)
        else:
            lines[-1] = joined
    return " \\\\\n  &\\quad + ".join(lines)
