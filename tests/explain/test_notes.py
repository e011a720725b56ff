"""The rule of the notes: wherever the numbers shown give another result, a step says which."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EVERY_ACTIVATION, OPTIMIZERS, PAIRS, case, optimizer_pair
from traced import at_school, recomputed, textbook

import fastbp as fb
from fastbp.explain.shown import shown


def require_notes(trace, digits):
    """Compute the numbers of every step anew, from its text."""
    seen = 0
    for step in trace.to_dict()["steps"]:
        if step["kind"] == "summary":
            continue
        found, line = recomputed(step["numbers"]), f"{step['symbol']} = {step['numbers']}"
        if found is None:
            assert step["note"] == "with the rounded numbers shown there is no result", line
            continue
        is_fixed = "e" not in step["shown"]
        given_by_shown = at_school(found, digits, is_fixed)
        if given_by_shown == at_school(Decimal(repr(step["result"])), digits, is_fixed):
            assert step["note"] is None, line
        else:
            seen += 1
            assert step["note"].startswith("with the rounded numbers shown: "), line
            said = Decimal(step["note"].split()[-1])
            is_fixed = "e" not in step["note"].split()[-1]
            assert said == at_school(found, digits, is_fixed), line
    return seen


@pytest.mark.parametrize("digits", [1, 2, 3, 5])
def test_the_textbook_example(digits):
    noted = require_notes(textbook(digits=digits), digits)
    assert noted == {1: noted, 2: noted, 3: 2, 5: noted}[digits]


@given(
    hidden=st.sampled_from(EVERY_ACTIVATION),
    pair=st.sampled_from(PAIRS),
    n_rows=st.integers(1, 2),
    digits=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_drawn_networks(hidden, pair, n_rows, digits, seed):
    drawn = case((2, 2, 2), hidden, *pair, "float64", n_rows, seed)
    x, y = drawn.rows()
    require_notes(drawn.network().explain(x, y, fb.SGD(0.1), digits=digits), digits)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    drawn = case((1, 2, 1), "tanh", "identity", "mse", "float64", 1)
    (x, y), net, optimizer = drawn.rows(), drawn.network(), optimizer_pair(name)[0]
    for _ in range(2):
        require_notes(net.explain(x, y, optimizer), 3)
        net.train_step(x, y, optimizer)


@given(value=st.floats(-1e7, 1e7), digits=st.integers(1, 8))
def test_numbers_are_rounded_as_at_school(value, digits):
    text = shown(value, digits)
    number = Decimal(text)
    exact = Decimal(repr(value))
    assert number == at_school(exact, digits, "e" not in text)
    # Short where nothing is left out, with all decimals elsewhere.
    if "e" not in text and "." in text and not text.endswith("0"):
        return
    if "e" not in text and number != exact:
        assert len(text.partition(".")[2]) == digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.5, "0.5"), (2.0, "2"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (0.83, "0.83")],
        *[(0.8299, "0.830"), (0.0415, "0.042"), (-0.0415, "-0.042"), (1.3e-05, "1.3e-05")],
        *[(0.00099951, "1.00e-03"), (1234567.8, "1.23e+06"), (0.9996, "1.000")],
        (np.float64(0.25), "0.25"),
    ],
)
def test_numbers(value, text):
    assert shown(value, 3) == text
