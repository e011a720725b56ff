"""The tutorial on backpropagation: code is run, figures are computed, quotes are real."""

import contextlib
import inspect
import io
import re
import textwrap
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from fastbp import reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": "docs/backpropagation.md", "vi": "docs/vi/backpropagation.md"}
SOURCES = ROOT / "src_pyx" / "fastbp"
BLOCK = re.compile(r"(?:<!-- (twin|kernel): (\S+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


@cache
def page(language):
    return (ROOT / PAGES[language]).read_text(encoding="utf-8")


def blocks(language):
    """Return [(what is quoted, from where, language of the code, code)]."""
    return BLOCK.findall(page(language))


@cache
def run(language):
    """Run the code from top to bottom; return [(code, printed)] and the names it made."""
    names, found = {}, []
    for quoted, _, kind, code in blocks(language):
        if kind == "python" and not quoted:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, PAGES[language], "exec"), names)
            found.append((code, printed.getvalue()))
    return found, names


def body(function):
    """Return the source of a function below its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    return textwrap.dedent(source.partition('"""')[2].partition('"""\n')[2])


@pytest.mark.parametrize("language", PAGES)
def test_every_block_of_code_prints_what_follows_it(language):
    shown = blocks(language)
    texts = [
        following[3]
        for block, following in zip(shown, [*shown[1:], ("", "", "", "")], strict=True)
        if block[2] == "python" and not block[0] and following[2] == "text"
    ]
    printed = [text for _, text in run(language)[0] if text]
    assert printed == texts
    assert len(texts) >= 9


@pytest.mark.parametrize("language", PAGES)
def test_quotes_of_the_twin_are_its_code(language):
    quotes = [(name, code) for quoted, name, _, code in blocks(language) if quoted == "twin"]
    assert len(quotes) == 5
    for name, code in quotes:
        module, _, function = name.partition(".")
        found = getattr(import_module(f"fastbp.reference.{module}"), function)
        assert body(found) == code, name


@pytest.mark.skipif(not SOURCES.is_dir(), reason="the compiled sources are not beside the tests")
@pytest.mark.parametrize("language", PAGES)
def test_quotes_of_the_kernel_are_its_code(language):
    quotes = [(name, code) for quoted, name, _, code in blocks(language) if quoted == "kernel"]
    assert quotes
    for name, code in quotes:
        assert code in (SOURCES / name).read_text(), name


@pytest.mark.parametrize("language", PAGES)
def test_every_figure_in_the_text_is_one_that_the_code_computes(language):
    names = run(language)[1]
    computed = [value for value in names.values() if isinstance(value, float)]
    # What is given, the rate for a loss without the half, the steepest slope of a sigmoid.
    computed += [0.5, 0.8, names["eta"] / 2, reference.kernels.sigmoid_prime(0.0)]
    figures = re.findall(r"(?<![\w.])-?\d+\.\d+(?![\w.]*\w)", BLOCK.sub("", page(language)))
    assert len(figures) > 15
    for figure in figures:
        decimals = len(figure.partition(".")[2])
        assert float(figure) in {round(value, decimals) for value in computed}, figure


def test_all_languages_have_the_same_code_and_formulas():
    parts = {
        language: (
            [block[1:3] if block[2] == "text" else block for block in blocks(language)],
            re.findall(r"\$\$\n(.*?)\$\$", page(language), re.DOTALL),
            len(re.findall(r"^## ", page(language), re.MULTILINE)),
        )
        for language in PAGES
    }
    assert parts["vi"] == parts["en"]


def test_the_textbook_figures_are_there():
    for figure in (
        "0.731",
        "0.585",
        "0.086",
        "-0.415",
        "-0.303",
        "-0.065",
        "-0.131",
        "0.830",
        "0.513",
    ):
        assert figure in page("en"), figure
