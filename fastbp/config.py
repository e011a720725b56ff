"""What this installation runs on."""

import platform

import numpy as np

from fastbp._compiled import COMPILER, LEVEL, LEVELS
from fastbp.threads import most_threads, usable_cores
from fastbp.version import __version__


def show_config() -> None:
    """Print version, instruction-set level, compiler and threads.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.show_config()  # doctest: +ELLIPSIS
    fastbp    ...
    isa       v... (of v1, v3, v4; FASTBP_ISA forces one)
    compiler  ...
    threads   ... (FASTBP_NUM_THREADS sets the most)
    python    ...
    """
    print(f"fastbp    {__version__}")
    print(f"isa       {LEVEL} (of {', '.join(LEVELS)}; FASTBP_ISA forces one)")
    print(f"compiler  {COMPILER}")
    print(
        f"threads   at most {most_threads()} by default, {usable_cores()} cores "
        "usable (FASTBP_NUM_THREADS sets the most)"
    )
    print(f"python    {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
