"""One build of a copy of the tree that holds every fault, each beside the right code.

Its modules are compiled with -O1 for every instruction-set level, which takes two minutes of one
core's time.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import functions, layers, preparation, products, rules, training
from .fault import Fault

ROOT = Path(__file__).parents[2]
FAULTS = [
    *products.FAULTS,
    *functions.FAULTS,
    *layers.FAULTS,
    *rules.FAULTS,
    *training.FAULTS,
    *preparation.FAULTS,
]

# Read once, when the module that it is compiled into is loaded.
SWITCH = """#include <stdlib.h>
static int fastbp_fault;
__attribute__((constructor)) static void fastbp_read_fault(void) {
    const char *number = getenv("FASTBP_FAULT");
    fastbp_fault = number ? atoi(number) : 0;
}
"""
DECLARATION = 'cdef extern from *:\n    int FAULT "fastbp_fault"\n'


def switched_text(text: str, suffix: str, faults: dict[int, Fault]) -> str:
    """Return a source with the faults in it, by their numbers."""
    lines = text.splitlines()
    places = {fault.place(lines): number for number, fault in faults.items()}
    if len(places) < len(faults):
        raise ValueError(
            "a line must have one fault at most, got " + "; ".join(f.what for f in faults.values())
        )
    for place, number in places.items():
        lines[place] = faults[number].switched(lines[place], number)
    switched = "\n".join(lines) + "\n"
    if suffix in {".pxd", ".pyx"}:
        head = re.match(r'""".*?"""\n', switched, re.DOTALL)
        after = head.end() if head else 0
        switched = switched[:after] + DECLARATION + switched[after:]
    return switched


def switched_files(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of each source that has faults; an error names a fault out of date."""
    by_path: dict[Path, dict[int, Fault]] = {}
    for number, fault in enumerate(FAULTS, 1):
        by_path.setdefault(fault.path, {})[number] = fault
    return {
        path: switched_text((root / path).read_text(encoding="utf-8"), path.suffix, faults)
        for path, faults in by_path.items()
    }


def setup_text(text: str, switch: Path) -> str:
    """Return setup.py's text with flags that include the switch and compile in little time."""
    flags = 'FLAGS = ["-O3",'
    if text.count(flags) != 1:
        raise ValueError(f"setup.py must have {flags} once, got it {text.count(flags)} times")
    return text.replace(flags, f'FLAGS = ["-O1", "-include", {str(switch)!r},')


def build(tree: Path) -> None:
    """Copy the tree there, put the faults in, and compile."""
    left_out = shutil.ignore_patterns(".git", "build", "*.so", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, tree, ignore=left_out, dirs_exist_ok=True)
    for path, text in switched_files().items():
        (tree / path).write_text(text, encoding="utf-8")
    switch = tree / "fault_switch.h"
    switch.write_text(SWITCH, encoding="utf-8")
    setup = tree / "setup.py"
    setup.write_text(setup_text(setup.read_text(encoding="utf-8"), switch), encoding="utf-8")
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=tree,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "FASTBP_FAULT"},
    )
