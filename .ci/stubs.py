"""Compare the stubs of the compiled modules with the modules themselves (mypy's stubtest).

Runs from an empty folder, so that the installed package is found and not the source folder.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("_callbacks", "_cpu", "_engine", "_kernels", "_orders", "_team", "_way")
MODULES = [f"fastbp.{name}" for name in NAMES]

# What Cython adds to each module, which is no one's interface.
CYTHON = r"""
fastbp\._\w+\.__test__
fastbp\._\w+\.__(reduce|setstate)_cython__
"""

with tempfile.TemporaryDirectory() as folder:
    allowlist = Path(folder, "cython.txt")
    allowlist.write_text(CYTHON)
    command = [sys.executable, "-m", "mypy.stubtest", *MODULES, "--ignore-disjoint-bases"]
    command += ["--allowlist", str(allowlist), "--ignore-unused-allowlist"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    sys.exit(subprocess.run(command, cwd=folder, env=environment, check=False).returncode)
