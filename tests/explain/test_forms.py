"""A trace as text, LaTeX, Markdown and HTML: whole, well formed, and all of it from `to_dict`."""

import builtins
import html.parser
import io
import re
import sys

import numpy as np
import pytest
from traced import textbook

import fastbp as fb
from fastbp.explain import text
from fastbp.explain.notebook import STYLE


def traces():
    """Return traces with everything that is written in a way of its own."""
    rich_layers = [
        fb.Dense(2, "gelu_tanh", norm="layer", dropout=0.2),
        fb.Dense(2, "elu(0.5)", residual=True),
        fb.Dense(2, "softmax"),
    ]
    table = {"50 % of_a$ & <b>": [1.0, 3.0], "k#{}": ["x_1", "y^2"]}
    prepared = fb.Network(
        None, [fb.Dense(2, "selu"), fb.Dense(1)], inputs=fb.Columns().fit(table), dtype="float64"
    )
    x, y = np.array([[1.0, -2.0], [3e-7, 4e8]]), [1, 0]
    return {
        "textbook": textbook(),
        "vi": textbook(language="vi"),
        "adam": fb.mlp([1, 1], hidden="tanh").explain([[2.0]], [1.0], fb.Adam(1e-9)),
        "rich": fb.Network(2, rich_layers, "cross_entropy(0.1)").explain(x, y, "radam", [1, 2]),
        "columns": prepared.explain(table, [1.0, 2.0], fb.SGD(0.1, clip_norm=0.01)),
        "large": fb.mlp([30, 20, 10], output="softmax", loss="cross_entropy").explain(
            np.ones((3, 30)), [1, 2, 3], "adam"
        ),
    }


@pytest.fixture(scope="module", params=["textbook", "vi", "adam", "rich", "columns", "large"])
def trace(request):
    return traces()[request.param]


def formulas_of(trace):
    """Return the formulas: of those that differ by digits alone one, which is much to draw."""
    found = {}
    for step in trace.to_dict()["steps"]:
        for key in ("symbol", "formula", "numbers", "shown"):
            if key != "numbers" or len(step["latex"][key]) < 200:
                found[re.sub(r"[-\d.]+", "0", step["latex"][key])] = step["latex"][key]
    return found.values()


def test_text_has_every_step(trace):
    lines = trace.to_text().splitlines()
    for number, step in enumerate(trace.to_dict()["steps"], start=1):
        place = lines.index(f"{number:3}. {step['title']}")
        assert lines[place + 1] == f"     {text.line_of(step)}"
        shown = lines[place + 2].strip() if step["kind"] == "summary" else lines[place + 1]
        assert shown.endswith(step["shown"])
        if step["note"]:
            assert lines[place + 2] == f"     ({step['note']})"
    assert str(trace) == trace.to_text(), "not a terminal"


def test_every_formula_is_latex_that_a_parser_takes(trace):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for formula in formulas_of(trace):
        # matplotlib has neither \text with signs in it nor \top as an index.
        plain = re.sub(r"\\text\{(?:[^{}\\]|\\.)*\}", r"\\mathrm{t}", formula)
        parser.parse(f"${plain}$")


def test_latex_is_balanced(trace):
    latex = trace.to_latex()
    assert latex.count("\\begin{align*}") == latex.count("\\end{align*}")
    assert latex.count("\\begin{align*}") == len(trace.to_dict()["steps"])
    depth = 0
    for letter in re.sub(r"\\[{}\\]", "", latex):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    for body in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", latex, re.DOTALL):
        assert body.count("\\left") == len(re.findall(r"\\right(?![a-z])", body)) + body.count(
            "\\leftarrow"
        )
        # An alignment point a line, no empty lines, no superscript upon a superscript.
        for line in body.strip().split("\\\\\n"):
            assert len(re.findall(r"(?<!\\)&", line)) == 1
            assert line.strip()
        assert not re.search(r"\^\{[^{}]*\}\^", body)
    # What is no formula holds nothing that LaTeX takes for its own.
    outside = re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", latex, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[_%&#$^~]", outside)


def test_a_new_parameter_is_no_equation():
    assert "w^{(2)} &\\leftarrow w^{(2)} - \\eta" in textbook().to_latex()
    assert "w^{(2)} \\leftarrow w^{(2)} - \\eta" in textbook().to_markdown()


def test_long_sums_are_broken_at_plus_signs():
    net = fb.Network(9, [fb.Dense(1)])
    latex = net.explain(np.ones((1, 9)), [1.0]).to_latex()
    assert max(len(line) for line in latex.splitlines() if "&" in line) < 120
    assert "  &\\quad + w^{(1)}_{1,5} x_{5}" in latex


def test_markdown_has_every_step_and_escapes_what_is_text(trace):
    contents, markdown = trace.to_dict(), trace.to_markdown()
    assert markdown.count("\n$$\n") == 2 * len(contents["steps"])
    assert markdown.startswith("# ")
    titles = [contents["words"][phase] for phase in text.PHASES]
    assert re.findall(r"^## (.*)$", markdown, re.MULTILINE) == titles
    outside = re.sub(r"\$\$.*?\$\$", "", markdown, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[<_$]", outside)


class Tags(html.parser.HTMLParser):
    """Notes tags and text; requires that tags are closed in their order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_whole_and_carries_all_it_needs(trace):
    fragment = trace._repr_html_()
    tags = Tags()
    tags.feed(fragment)
    assert tags.open == []
    needed = {"div", "style", "p", "b", "details", "summary", "ol", "li", "br", "code"}
    assert set(tags.tags) - {"span"} == needed
    shown = "".join(tags.text)
    for step in trace.to_dict()["steps"]:
        assert text.line_of(step) in shown
    for word in ("http", "<script", "url(", "@import"):
        assert word not in fragment.lower()
    assert "prefers-color-scheme: dark" in STYLE


def test_a_terminal_gets_colours_where_rich_is(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = str(textbook())
    assert "\x1b[" in coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    for step in textbook().to_dict()["steps"]:
        assert text.line_of(step) in plain
    monkeypatch.setattr(text.importlib.util, "find_spec", lambda name: None)
    assert str(textbook()) == textbook().to_text()


def test_nothing_else_needs_rich(monkeypatch):
    real = builtins.__import__

    def without_rich(name, *arguments, **more):
        assert not name.startswith("rich")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_rich)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print(textbook())
    assert "z1 = w1 x + b1 = 0.5 * 2 + 0 = 1" in sys.stdout.getvalue()
