"""The workloads, which are those of ``fastbp bench``: fastbp/cli/workloads.py of this tree.

They are taken from there by path, as peers without fastbp and earlier trees are measured too.
"""

import importlib.util
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "fastbp" / "cli" / "workloads.py"

spec = importlib.util.spec_from_file_location(__name__, SOURCE)
assert spec is not None, SOURCE
assert spec.loader is not None, SOURCE
module = importlib.util.module_from_spec(spec)
# Whoever imports this gets what stands there in the end.
sys.modules[__name__] = module
spec.loader.exec_module(module)
