"""The compiled modules of the instruction-set level that this machine runs.

FASTBP_ISA=v1|v3|v4 forces a level; v3 and v4 give the same bits.
"""

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

try:
    from fastbp import _cpu, _orders, _team, _way
except ImportError as error:
    raise ImportError(
        "fastbp's compiled kernels are missing. If Python was started in fastbp's source folder, "
        "it found the sources instead of the installed package: start it elsewhere, or install "
        "with `pip install --editable .`. fastbp.reference is an explanation, not a fallback."
    ) from error

LEVELS = ("v1", "v3", "v4")


def choose_level() -> str:
    """Return the level to load: FASTBP_ISA if set, else the highest this CPU runs.

    Raises
    ------
    ImportError
        FASTBP_ISA names no level, or one that this CPU does not run.
    """
    best = f"v{_cpu.isa_level()}"
    level = os.environ.get("FASTBP_ISA", best)
    if level not in LEVELS:
        raise ImportError(f"FASTBP_ISA must be one of {', '.join(LEVELS)}, got {level!r}")
    if level > best:
        raise ImportError(
            f"FASTBP_ISA must be a level that this CPU runs (up to {best}), got {level!r}"
        )
    return level


def load(name: str, level: str) -> ModuleType:
    """Import one compiled module of a level and let it be found under its plain name."""
    module = importlib.import_module(f"fastbp.{name}_{level}")
    sys.modules[f"fastbp.{name}"] = module
    return module


LEVEL = choose_level()
COMPILER = _cpu.compiler()
# The same for every level.
orders, team, way = _orders, _team, _way
if TYPE_CHECKING:
    from fastbp import _engine, _kernels

    engine, kernels = _engine, _kernels
else:
    engine = load("_engine", LEVEL)
    kernels = load("_kernels", LEVEL)
