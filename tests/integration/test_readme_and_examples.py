"""The code that documents show is run, and prints what they say."""

import re
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


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


def test_lines_of_the_trace_in_the_readme_are_in_the_trace(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code, shown), *others = [
        (code, shown)
        for (_, code), (kind, shown) in pairwise(BLOCKS)
        if "net.explain" in code and kind == "text"
    ]
    exec(compile("import fastbp as fb\n" + code, "README.md", "exec"), {})
    rest = iter(capsys.readouterr().out.splitlines())
    assert not others
    for line in shown.splitlines():
        assert line == "..." or line in rest, line


def test_the_page_on_preprocessing_prints_what_it_says(capsys):
    page = (ROOT / "docs" / "preprocessing.md").read_text(encoding="utf-8")
    code, printed = (text for _, text in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)[:2])
    exec(compile(code, "preprocessing.md", "exec"), {})
    assert capsys.readouterr().out == printed
