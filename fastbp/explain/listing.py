"""The steps of a trace as an HTML list, which a page without its script shows as it is."""

from __future__ import annotations

from html import escape
from typing import Any

from fastbp.explain.chain import Factor, chain
from fastbp.explain.shown import shown
from fastbp.explain.typeset import prose, typeset

PHASES = ("forward", "loss", "backward", "update")

Step = dict[str, Any]


def listing(contents: dict[str, Any]) -> str:
    """Return all steps as items of a list.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
        ``li`` elements ``step-1``, ``step-2``, ...
    """
    return "\n".join(
        _item(contents, step, number) for number, step in enumerate(contents["steps"], start=1)
    )


def phases(contents: dict[str, Any]) -> str:
    """Return the phases that the steps go through, each as a link to its first step."""
    words = contents["words"]
    order = [step["phase"] for step in contents["steps"]]
    return "".join(
        f'<a href="#step-{order.index(phase) + 1}" data-phase="{phase}">'
        f"<span>{escape(words[phase])}</span></a>"
        for phase in PHASES
        if phase in order
    )


def values(contents: dict[str, Any]) -> str:
    """Return the table of all results, each as a link to its step, by phases."""
    groups = []
    for phase in PHASES:
        entries = [
            f'<a class="entry" href="#step-{number}" data-from="{number}"'
            f' data-kind="{step["kind"]}">'
            f"<span>{typeset(step['symbol'])}</span> <b>{_result(step)}</b></a>"
            for number, step in enumerate(contents["steps"], start=1)
            if step["phase"] == phase
        ]
        if entries:
            name = escape(contents["words"][phase])
            groups.append(
                f'<section data-phase="{phase}"><h3>{name}</h3>{"".join(entries)}</section>'
            )
    return "".join(groups)


def places(node: Any = None, edge: Any = None, bias: Any = None) -> str:
    """Return the attributes that tie an element to places of the picture."""
    named = {"node": node, "edge": edge, "bias": bias}
    return "".join(
        f' data-{name}="{",".join(map(str, place))}"'
        for name, place in named.items()
        if place is not None
    )


def marked(text: str, terms: list[Step], key: str) -> str:
    """Return a formula whose terms are elements of their own, where it is made of them.

    Examples
    --------
    >>> print(marked("1 + 2", [{"n": "1", "edge": [1, 0, 0]}, {"n": "2", "bias": [1, 0]}], "n"))
    <span class="term" data-term="0" data-edge="1,0,0">1</span> + \
<span class="term" data-term="1" data-bias="1,0">2</span>
    """
    pieces, end = [], 0
    for number, term in enumerate(terms):
        start = text.find(term[key], end)
        if start < 0 or not term[key]:
            return typeset(text)
        tied = places(term.get("node"), term.get("edge"), term.get("bias"))
        reach = ' tabindex="0"' if key == "formula" and tied else ""
        pieces += [
            typeset(text[end:start]),
            f'<span class="term" data-term="{number}"{tied}{reach}>{typeset(term[key])}</span>',
        ]
        end = start + len(term[key])
    return "".join([*pieces, typeset(text[end:])])


def _item(contents: dict[str, Any], step: Step, number: int) -> str:
    """Return one step."""
    words = contents["words"]
    row = "" if step["row"] is None else f' data-row="{step["row"]}"'
    layer = "" if step["layer"] is None else f' data-layer="{step["layer"]}"'
    note = f'<p class="note">{escape(step["note"])}</p>' if step["note"] else ""
    return (
        f'<li class="step" id="step-{number}" data-phase="{step["phase"]}"'
        f' data-kind="{step["kind"]}"{row}{layer}{places(step["node"], step["edge"])}>'
        f'<p class="phase">{escape(words[step["phase"]])}</p>'
        f'<h2>{prose(step["title"])}</h2><p class="why">{prose(step["why"])}</p>'
        f"{_equation(step, words)}{note}{_walk(contents, step)}{_product(contents, step)}</li>"
    )


def _equation(step: Step, words: dict[str, str]) -> str:
    """Return symbol = formula = numbers = result, one below the other."""
    lines: list[tuple[str, str, str]] = []
    # A gradient's terms are rows, whose deltas and inputs meet at the weight.
    terms = [term | {"edge": term["edge"] or step["edge"]} for term in step["terms"]]
    for key, label in (("formula", "formula"), ("numbers", "numbers"), ("shown", "result")):
        text = step[key]
        if text and text not in [step[other] for other, _, _ in lines]:
            content = _result(step) if key == "shown" else marked(text, terms, key)
            lines.append((key, label, content))
    rows = "".join(
        f'<span class="{key}" data-label="{escape(words[label])}"><span class="equals">= </span>'
        f"<span>{content}</span></span> "
        for key, label, content in lines
    )
    return (
        f'<p class="equation"><span class="symbol">{typeset(step["symbol"])}</span> '
        f'<span class="lines">{rows}</span></p>'
    )


def _result(step: Step) -> str:
    """Return what a step comes to; a summary's is no formula, but said in words."""
    return typeset(step["shown"]) if step["kind"] != "summary" else escape(step["shown"])


def _walk(contents: dict[str, Any], step: Step) -> str:
    """Return the terms of a sum, one a line, for the reader who walks through them."""
    if len(step["terms"]) < 2:
        return ""
    lines = "".join(
        f'<li data-term="{number}">{typeset(term["formula"])} = {typeset(term["numbers"])}'
        f"{_value(term['value'], contents['digits'], term['numbers'])}</li>"
        for number, term in enumerate(step["terms"])
    )
    return f'<ul class="walk">{lines}</ul>'


def _value(value: float | None, digits: int, numbers: str) -> str:
    """Return what a term comes to, where that is not said already."""
    text = "" if value is None else shown(value, digits)
    return f" = <b>{typeset(text)}</b>" if text not in ("", numbers) else ""


def _product(contents: dict[str, Any], step: Step) -> str:
    """Return the chain rule of a step, a column for each factor."""
    factors = chain(contents, step)
    if not factors:
        return ""
    words, digits = contents["words"], contents["digits"]
    bottom = factors[-1].bottom
    times = '<span class="times">*</span>'
    columns = f" {times} ".join(_factor(factor, digits) for factor in factors)
    return (
        f'<div class="chain"><h3>{escape(words["chain_rule"])}</h3><p class="product">'
        f"{_fraction('dL', bottom)} = {columns} = <b>{typeset(step['shown'])}</b></p></div>"
    )


def _factor(factor: Factor, digits: int) -> str:
    """Return one factor: the derivative, what it is, and its value."""
    meaning = f"<span>{typeset(factor.meaning)}</span>" if factor.meaning else "<span></span>"
    return (
        f'<span class="factor"{places(factor.node, factor.edge)} tabindex="0">'
        f"{_fraction(factor.top, factor.bottom)} {meaning} "
        f"<b>{typeset(shown(factor.value, digits))}</b></span>"
    )


def _fraction(top: str, bottom: str) -> str:
    """Return a derivative as one variable above the other."""
    return (
        f'<span class="fraction"><span>{typeset(top)}</span><span class="over">/</span>'
        f"<span>{typeset(bottom)}</span></span>"
    )
