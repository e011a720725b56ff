"""One self-contained page in which a trace can be stepped through.

Picture, steps, table and links are plain HTML that needs no script; the script of the page only
shows and hides. Nothing is loaded: the policy of the page lets run and style it what stands in it,
known by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from fastbp.atomic import replace_file
from fastbp.explain.drawing import drawing
from fastbp.explain.listing import listing, phases, values

ASSETS = files("fastbp.explain") / "page"


def write_page(path: str | PathLike[str], contents: dict[str, Any]) -> None:
    """Write a page in which a trace can be stepped through; all or nothing.

    Parameters
    ----------
    path : str or PathLike
        The file to make or to replace.
    contents : dict
        `Trace.to_dict()`.

    Raises
    ------
    OSError
        The file cannot be written; one that was there is whole.

    Examples
    --------
    >>> import tempfile
    >>> import fastbp as fb
    >>> net = fb.mlp([1, 1, 1], hidden="sigmoid", seed=0)
    >>> path = Path(tempfile.mkdtemp(), "step.html")
    >>> write_page(path, net.explain([[2.0]], [[1.0]]).to_dict())
    >>> path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    # A lone surrogate, which no UTF-8 has, becomes a reference that browsers show as a sign of it.
    replace_file(Path(path), [page(contents).encode("utf-8", "xmlcharrefreplace")])


def page(contents: dict[str, Any]) -> str:
    """Return the page as text."""
    words = contents["words"]
    style, script = (_asset(name) for name in ("step.css", "step.js"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    filled = {f"words.{key}": escape(text) for key, text in words.items()} | {
        "language": escape(contents["language"]),
        "title": escape(contents["title"]),
        "policy": escape(policy, quote=False),
        "style": style,
        "script": script,
        "trace": embedded(carried(contents)),
        "about": _about(contents),
        "drawing": drawing(contents),
        "phases": phases(contents),
        "steps": listing(contents),
        "values": values(contents),
        "checked": _checked(contents),
    }
    return re.sub(r"\{\{([\w.]+)\}\}", lambda match: filled[match[1]], _asset("step.html"))


def carried(contents: dict[str, Any]) -> dict[str, Any]:
    """Return what of a trace the page carries: all, or of a shortened one its steps.

    The parameters of a large network are megabytes that no reader of a page looks at; the picture
    has those that are drawn.
    """
    if not contents["shortened"]:
        return contents
    parameters = ("weights", "biases", "new_weights", "new_biases")
    network = contents["network"] | dict.fromkeys(parameters)
    return contents | {"network": network, "x": None, "y": None}


def embedded(contents: dict[str, Any]) -> str:
    r"""Return JSON that can stand in a script element, whatever its texts are.

    Examples
    --------
    >>> embedded({"title": "</script>"})
    '{"title": "\\u003c/script\\u003e"}'
    """
    text = json.dumps(contents, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _asset(name: str) -> str:
    """Return a part of the page that comes with the package."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return what a policy calls an inline element by."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _about(contents: dict[str, Any]) -> str:
    """Return what the trace is of, in a line."""
    network = contents["network"]
    sizes = "-".join(map(str, network["sizes"]))
    return escape(f"{sizes} · {network['loss']} · {contents['optimizer']}")


def _checked(contents: dict[str, Any]) -> str:
    """Return how closely the figures agree with the compiled kernels."""
    difference = f"{contents['largest_difference']:.1e}"
    return escape(contents["words"]["figures_checked"].format(difference=difference))
