"""What goes into the JSON of pytest-benchmark: no raw samples, no host, but the versions."""

import os
import platform

os.environ.setdefault("FASTBP_NUM_THREADS", "1")

import numpy as np

import fastbp as fb


def pytest_benchmark_update_json(config, benchmarks, output_json):
    for measured in output_json["benchmarks"]:
        measured["stats"].pop("data", None)
    for private in ("node", "release"):
        output_json["machine_info"].pop(private, None)
    output_json["versions"] = {
        "fastbp": fb.__version__,
        "numpy": np.__version__,
        "Python": platform.python_version(),
    }
