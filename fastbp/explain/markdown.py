"""A trace in Markdown as GitHub shows it, with formulas between dollar signs."""

from __future__ import annotations

import re
from typing import Any

from fastbp.explain.latex import formula_parts
from fastbp.explain.text import head_of, numbered, remarks


def as_markdown(contents: dict[str, Any]) -> str:
    """Return a trace as Markdown.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
    """
    lines = [f"# {literal(contents['title'])}", ""]
    lines += [f"- {literal(line)}" for line in head_of(contents)]
    for title, number, step, why in numbered(contents):
        if title is not None:
            lines += ["", f"## {literal(title)}"]
        lines += ["", f"**{number}. {literal(step['title'])}**"]
        lines += ["", literal(why)] if why is not None else []
        symbol, *others = formula_parts(step)
        becomes = "\\leftarrow" if step["phase"] == "update" else "="
        lines += ["", "$$", f"{symbol} {becomes} {' = '.join(others)}", "$$"]
        for remark in remarks(contents, step)[step["kind"] == "summary" :]:
            lines += ["", f"*{literal(remark)}*"]
    return "\n".join(lines) + "\n"


def literal(text: str) -> str:
    r"""Return a text with what Markdown takes for its own made harmless.

    Examples
    --------
    >>> print(literal("a_b * c[1]"))
    a\_b \* c\[1\]
    """
    return re.sub(r"([\\`*_\[\]<>$#|~])", r"\\\1", text)
