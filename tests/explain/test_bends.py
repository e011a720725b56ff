"""The activations whose slope jumps are those that a comparison near a bend knows of."""

import numpy as np
import pytest

from fastbp import kernels
from fastbp._compiled import engine
from fastbp.explain.whole_step import BENDS

STEP = 1e-3
ELEMENTWISE = sorted(set(engine.ACTIVATIONS) - set(engine.COUPLING_ROWS))


@pytest.mark.parametrize("name", [*ELEMENTWISE, "elu(0.5)"])
def test_every_jump_of_a_slope_is_a_known_bend(name):
    # No multiple of the step, so that a bend lies between two points.
    z = np.arange(-8, 8, STEP)[:, None] + STEP / 3
    slope = kernels.activation_delta(z, np.ones_like(z), name)[:, 0]
    jumps = np.abs(np.diff(slope)) > 0.05 * np.maximum(1, np.abs(slope[1:]))
    found = {round(float(at), 2) + 0.0 for at in z[1:, 0][jumps]}
    assert found <= set(BENDS.get(name.partition("(")[0], []))
    assert found or name not in ("relu", "leaky_relu", "selu", "hard_tanh", "hard_sigmoid")
