"""The code of the user guide and of the site's first page runs, and prints what they say."""

import itertools
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = [path for path in sorted((DOCS / "guide").glob("*.md")) if path.stem != "index"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What the code of a page needs beside the package.
OPTIONAL = {"pictures": "matplotlib"}


@pytest.mark.parametrize("path", [*GUIDE, DOCS / "index.md"], ids=lambda p: p.stem)
def test_code_of_a_page_prints_what_the_page_says(path, tmp_path, monkeypatch, capsys):
    if path.stem in OPTIONAL:
        pytest.importorskip(OPTIONAL[path.stem])
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
    assert any(language == "python" for language, _ in blocks)
    names = {}
    for (language, code), (after, printed) in itertools.pairwise([*blocks, ("", "")]):
        if language == "python":
            exec(compile(code, path.name, "exec"), names)
            assert capsys.readouterr().out == (printed if after == "text" else "")
