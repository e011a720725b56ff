"""Promise 12: the faults of this folder are noticed by the quick suite, and none is out of date.

The quick tests ask that the table fits the sources. The slow one builds and runs them all, as does
`python tests/faults/run.py`.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from faults.build import FAULTS, ROOT, build, setup_text, switched_files, switched_text
from faults.fault import Fault
from faults.run import KILLERS

LEAST = 60


def test_every_fault_is_of_a_line_that_is_there():
    texts = switched_files()
    assert len(FAULTS) >= LEAST
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
    numbers = re.findall(r'(?:fastbp_fault|FAULT)(?:"\))? == "?(\d+)', "\n".join(texts.values()))
    assert sorted(map(int, numbers)) == list(range(1, len(FAULTS) + 1))


def test_the_build_can_be_told_of_the_switch():
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert '"-O1", "-include", \'switch.h\',' in setup_text(text, ROOT / "switch.h").replace(
        str(ROOT / "switch.h"), "switch.h"
    )
    with pytest.raises(ValueError, match="FLAGS"):
        setup_text("FLAGS = []", ROOT / "switch.h")


def test_the_faults_are_all_over_the_sources():
    with_faults = {fault.path.stem for fault in FAULTS}
    named = "dense activation loss update rules norm dropout tiny lanes product_body packing"
    named += " elementary steps batch passes team shuffle forward backward normalization"
    named += " standard folding"
    left_out = {"dense", "lanes"}  # what these declare is in product_body.h and lanes_body.h
    assert set(named.split()) - left_out <= with_faults
    assert {"product_body", "lanes_body", "tile", "panel", "vector"} <= with_faults


def test_a_line_that_is_no_longer_there_is_named():
    text = 'def f():\n    """Return it."""\n    return a + b\n'
    fault = Fault("adds nothing", "x.pxd", "return a + b", "a + b", "a")
    assert "return ((a) if FAULT == 7 else (a + b))" in switched_text(text, ".pxd", {7: fault})
    stale = Fault("subtracts nothing", "x.pxd", "return a - b", "a - b", "a")
    with pytest.raises(ValueError, match="'subtracts nothing' must name a line"):
        switched_text(text, ".pxd", {7: stale})
    twice = Fault("is there again", "x.pxd", "return a + b", "a + b", "a", nth=2)
    with pytest.raises(ValueError, match="is there 1 times of 2"):
        switched_text(text, ".pxd", {7: twice})
    with pytest.raises(ValueError, match="one fault at most"):
        switched_text(text, ".pxd", {7: fault, 8: fault})


def test_every_fault_has_been_noticed_before():
    known = json.loads(KILLERS.read_text(encoding="utf-8"))
    assert {fault.what for fault in FAULTS} == set(known)
    files = {test.partition("::")[0] for test in known.values()}
    assert [path for path in files if not (ROOT / path).exists()] == []


def hashes(tree):
    """Return the hashes of trained networks, of the modules that lie in a tree."""
    done = subprocess.run(
        [sys.executable, tree / "tests" / "bits" / "trained.py"],
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_fault_is_noticed(tmp_path, promise):
    tree = tmp_path / "tree"
    build(tree)
    assert hashes(tree) == hashes(ROOT), "without a fault the bits must be those of the tree"
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "faults" / "run.py", "--tree", tree],
        capture_output=True,
        text=True,
        check=False,
    )
    *lines, last = done.stdout.splitlines()
    promise(12, "faults in the kernels that the quick tests notice", "all", last)
    assert done.returncode == 0, [line for line in lines if "NOT NOTICED" in line] or done.stderr
