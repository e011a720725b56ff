"""A trace in a notebook: a fragment of HTML that carries all it needs, light and dark."""

from __future__ import annotations

from html import escape
from typing import Any

from fastbp.explain.text import head_of, line_of, numbered, remarks

STYLE = """
.fastbp-trace { --ink: #1b1f24; --soft: #57606a; --rule: #d0d7de; --key: #0a5bb5; color: var(--ink);
  max-width: 60em; line-height: 1.45; }
@media (prefers-color-scheme: dark) { .fastbp-trace { --ink: #e6edf3; --soft: #9da7b3;
  --rule: #3d444d; --key: #79b8ff; } }
html[data-theme="dark"] .fastbp-trace, body[data-jp-theme-light="false"] .fastbp-trace {
  --ink: #e6edf3; --soft: #9da7b3; --rule: #3d444d; --key: #79b8ff; }
html[data-theme="light"] .fastbp-trace, body[data-jp-theme-light="true"] .fastbp-trace {
  --ink: #1b1f24; --soft: #57606a; --rule: #d0d7de; --key: #0a5bb5; }
.fastbp-trace summary { font-weight: 600; cursor: pointer; border-bottom: 1px solid var(--rule); }
.fastbp-trace p, .fastbp-trace ol { margin: 0.3em 0; }
.fastbp-trace li { margin: 0.5em 0; }
.fastbp-trace code { color: var(--key); background: none; white-space: pre-wrap;
  font-size: 1em; }
.fastbp-trace .why, .fastbp-trace .note { color: var(--soft); }
"""


def as_html(contents: dict[str, Any]) -> str:
    """Return a trace as a fragment of HTML, without scripts.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
    """
    pieces = [
        f'<div class="fastbp-trace" lang="{escape(contents["language"])}"><style>{STYLE}</style>',
        f"<p><b>{escape(contents['title'])}</b></p>",
        *(f'<p class="why">{escape(line)}</p>' for line in head_of(contents)),
    ]
    is_open = False
    for title, number, step, why in numbered(contents):
        if title is not None:
            pieces.append("</ol></details>" if is_open else "")
            pieces.append(f"<details open><summary>{escape(title)}</summary><ol start={number}>")
            is_open = True
        pieces.append(f"<li>{escape(step['title'])}<br><code>{escape(line_of(step))}</code>")
        pieces += [
            f'<br><span class="note">{escape(text)}</span>' for text in remarks(contents, step)
        ]
        pieces.append(f'<p class="why">{escape(why)}</p></li>' if why else "</li>")
    return "".join([*pieces, "</ol></details>" if is_open else "", "</div>"])
