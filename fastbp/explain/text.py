"""A trace as text: plain, or with colours and rules where rich is installed."""

from __future__ import annotations

import importlib.util
import io
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from fastbp.explain.shown import shown

PHASES = ("forward", "loss", "backward", "update")
WIDTH = 88
INDENT = " " * 5

Contents = dict[str, Any]


def line_of(step: dict[str, Any]) -> str:
    """Return the line of a step: symbol = formula = numbers = result, nothing twice in a row.

    Examples
    --------
    >>> line_of({"symbol": "b", "formula": "a", "numbers": "1", "shown": "1", "kind": "a"})
    'b = a = 1'
    """
    keys = ["symbol", "formula", "numbers"] + ["shown"] * (step["kind"] != "summary")
    parts: list[str] = []
    for key in keys:
        if not parts or parts[-1] != step[key]:
            parts.append(step[key])
    return " = ".join(parts)


def head_of(contents: Contents) -> list[str]:
    """Return what stands above the steps: network, optimizer, row, and how the figures agree."""
    network, words = contents["network"], contents["words"]
    activations = ", ".join(layer["activation"] for layer in network["layers"])
    sizes = "-".join(map(str, network["sizes"]))
    lines = [
        f"{words['network']}: {sizes} ({activations}), {network['loss']}, {network['dtype']}",
        f"{words['optimizer']}: {contents['optimizer']}",
    ]
    if not contents["shortened"]:
        for name in ("x", "y"):
            rows = [
                "[" + ", ".join(shown(value, contents["digits"]) for value in row) + "]"
                for row in contents[name]
            ]
            lines.append(f"{name} = {', '.join(rows)}")
    difference = f"{contents['largest_difference']:.1e}"
    lines.append(words["figures_checked"].format(difference=difference))
    lines += [words["shortened"]] if contents["shortened"] else []
    lines += [words["from_kernels"]] if contents["source"] == "kernels" else []
    return lines


def numbered(contents: Contents) -> Iterator[tuple[str | None, int, dict[str, Any], str | None]]:
    """Yield (title of the phase where it begins, number, step, why where it is new)."""
    phase, said = None, set()
    for number, step in enumerate(contents["steps"], start=1):
        title = contents["words"][step["phase"]] if step["phase"] != phase else None
        phase = step["phase"]
        why = None if step["why"] in said else step["why"]
        said.add(step["why"])
        yield title, number, step, why


def as_text(contents: Contents) -> str:
    """Return a trace as plain text.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
    """
    lines = [contents["title"], "=" * len(contents["title"]), *head_of(contents)]
    for title, number, step, why in numbered(contents):
        if title is not None:
            lines += ["", title, "-" * len(title)]
        lines.append(f"{number:3}. {step['title']}")
        lines.append(f"{INDENT}{line_of(step)}")
        lines += [f"{INDENT}{text}" for text in remarks(contents, step)]
        if why is not None:
            lines += textwrap.wrap(why, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return "\n".join(lines)


def remarks(contents: Contents, step: dict[str, Any]) -> list[str]:
    """Return what stands beneath the line of a step: size of a summary, note on rounding."""
    found = [step["shown"]] if step["kind"] == "summary" else []
    return found + ([f"({step['note']})"] if step["note"] else [])


def has_rich() -> bool:
    """Return whether rich is installed."""
    return importlib.util.find_spec("rich") is not None


def as_rich_text(contents: Contents) -> str:
    """Return the same with colours and rules for a terminal; rich must be installed."""
    from rich.console import Console
    from rich.text import Text

    out = io.StringIO()
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    console = Console(file=out, force_terminal=True, width=width, highlight=False)
    console.rule(Text(contents["title"], "bold"))
    for line in head_of(contents):
        console.print(Text(line, "dim"))
    for title, number, step, why in numbered(contents):
        if title is not None:
            console.print()
            console.rule(Text(title, "bold cyan"), align="left")
        console.print(Text.assemble((f"{number:3}. ", "dim"), (step["title"], "bold")))
        symbol, equals, rest = line_of(step).partition(" = ")
        body, last, result = rest.rpartition(" = ")
        console.print(
            Text.assemble(
                INDENT,
                (symbol, "yellow"),
                f"{equals}{body}{last}",
                (result, "bold green"),
            )
        )
        for remark in remarks(contents, step):
            console.print(Text(f"{INDENT}{remark}", "magenta"))
        if why is not None:
            for part in textwrap.wrap(why, max(width - len(INDENT), 20)):
                console.print(Text(f"{INDENT}{part}", "italic"))
    return out.getvalue().rstrip("\n")
