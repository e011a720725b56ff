"""Compare the stubs of the compiled modules with the modules themselves (mypy's stubtest).

Runs from an empty folder, so that the installed package is found and not the source folder.
"""

import os
import subprocess
import sys
import tempfile

MODULES = ["fastbp._cpu", "fastbp._engine", "fastbp._kernels"]

with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-m", "mypy.stubtest", *MODULES]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    sys.exit(subprocess.run(command, cwd=folder, env=environment, check=False).returncode)
