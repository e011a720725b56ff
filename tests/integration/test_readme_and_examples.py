"""The code that documents show is run, and prints what they say."""

import itertools
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
# test_fashion_example.py makes the files that this one reads.
NEEDS_FILES = {"fashion_mnist"}
# Pages whose code is run as it stands, a page in one go.
CODE = re.MULTILINE | re.DOTALL
GUIDE = [p for p in sorted((ROOT / "docs" / "guide").glob("*.md")) if p.stem != "index"]
PAGES = [*GUIDE, *(ROOT / "docs" / name for name in ("index.md", "preprocessing.md"))]
EXAMPLES = [p for p in sorted((ROOT / "examples").glob("*.py")) if p.stem not in NEEDS_FILES]


def test_first_block_of_the_readme_is_its_two_commands():
    language, text = BLOCKS[0]
    assert language == "sh"
    first, second = text.splitlines()
    assert first == "pip install . && fastbp train"
    assert second == 'pip install ".[test]" && pytest -n 2'


def test_second_block_of_the_readme_is_the_textbook_example_and_prints_the_third(capsys):
    (language, code), (_, printed) = BLOCKS[1:3]
    assert language == "python"
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_other_python_blocks_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for language, code in BLOCKS[3:]:
        if language == "python":
            exec(compile("import fastbp as fb\n" + code, "README.md", "exec"), {})


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_code_of_a_page_prints_what_the_page_says(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(encoding="utf-8"), CODE)
    assert any(language == "python" for language, _ in blocks)
    names = {}
    for (language, code), (after, printed) in itertools.pairwise([*blocks, ("", "")]):
        if language == "python":
            exec(compile(code, path.name, "exec"), names)
            assert capsys.readouterr().out == (printed if after == "text" else "")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


def test_textbook_example_prints_the_textbook_figures(capsys):
    runpy.run_path(str(ROOT / "examples" / "textbook.py"))
    printed = capsys.readouterr().out
    for figure in (
        "z1 = 1.000", "a1 = 0.731", "yhat = 0.585", "L = 0.086", "delta2 = -0.415",
        "delta2 a1 = -0.3035", "s'(z1) = 0.197", "delta1 = -0.065", "delta1 x = -0.131",
        "w2 = 0.830", "b2 = 0.042", "w1 = 0.513", "b1 = 0.007", "stop_reason 'loss'",
    ):  # fmt: skip
        assert figure in printed
