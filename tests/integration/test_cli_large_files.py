"""Large files: what the fast readers must take."""

import numpy as np
import pytest

from fastbp.cli.tables import arrow_csv, textfile
from fastbp.cli.tables.delimited import read_layout


def test_bytes_are_found_across_pieces(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc\n d")
    for size in range(1, 8):
        monkeypatch.setattr(textfile, "PIECE_BYTES", size)
        assert textfile.holds(str(path), b"\n ")
        assert not textfile.holds(str(path), b"\nd", b'"')
        assert textfile.count(str(path), b"c", b"d") == 2


def test_pyarrow_takes_quoted_lines_across_its_blocks(tmp_path):
    pytest.importorskip("pyarrow")
    note = '"two\n' + "x" * 97 + '"'
    path = tmp_path / "notes.csv"
    path.write_text("a,note,b\n" + "".join(f"{row},{note},1\n" for row in range(30_000)))
    layout = read_layout(str(path))
    found = arrow_csv.read(layout, {"a": "numbers"})
    assert np.array_equal(found["a"], np.arange(30_000))
