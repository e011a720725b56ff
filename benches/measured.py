"""What a table of results says of the machine, the versions and the day."""

import datetime
import re
import sys
from pathlib import Path


def measured_on(how: str) -> str:
    """Return the sentence that begins a caption; `how`: threads, dtype and the like."""
    import numpy as np

    import fastbp as fb

    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (
        f"Measured {datetime.date.today()} on {cpu[1] if cpu else 'an unknown CPU'}, {how}; fastbp "
        f"{fb.__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}."
    )
