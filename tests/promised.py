"""What the tests of the promises write down: the figures that docs/promises.md shows.

A test takes the fixture `promise` and calls `promise(number, what, asked, reached)` once it has
measured and before it asserts, so that a figure missed is on record too. With FASTBP_PROMISES set,
each call appends one JSON object to that file; `python docs/make_promises.py FILE` makes the page.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Promise = Callable[[int, str, str, str], None]


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Promise:
    """Return the function that puts a figure of this test on record."""
    test = request.node.nodeid.partition("[")[0]
    suite = "slow" if request.node.get_closest_marker("slow") else "quick"

    def record(number: int, what: str, asked: str, reached: str) -> None:
        path = os.environ.get("FASTBP_PROMISES")
        if not path:
            return
        line = {
            "promise": number,
            "what": what,
            "asked": asked,
            "reached": reached,
            "suite": os.environ.get("FASTBP_SUITE", suite),
            "test": test,
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    return record
