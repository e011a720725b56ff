"""A training step explained: `Network.explain` and the Trace that it returns.

The figures are those of the twin, `fastbp.reference`, and each is compared with the compiled
kernels before a trace is handed out.
"""

from __future__ import annotations

from typing import Any

from fastbp.explain.agreement import agreement
from fastbp.explain.backward import backward_steps
from fastbp.explain.catalogue import catalogue
from fastbp.explain.counterparts import functions_of_the_users_own
from fastbp.explain.forward import forward_steps
from fastbp.explain.loss import loss_steps
from fastbp.explain.names import Names
from fastbp.explain.overview import MOST_FIGURES, count_of_figures, overview_steps
from fastbp.explain.quantities import Quantities
from fastbp.explain.ready import ready_steps
from fastbp.explain.step import Step
from fastbp.explain.summary import Summary
from fastbp.explain.trace import Contents, Trace
from fastbp.explain.update import update_steps
from fastbp.explain.working import Working
from fastbp.optimizers import as_optimizer

__all__ = ["Trace", "explain"]


def explain(
    net: Any, x: Any, y: Any, optimizer: Any, sample_weight: Any, digits: int, language: str
) -> Trace:
    """Return the trace of what `train_step` would do; `Network.explain` has the arguments."""
    rule = as_optimizer(optimizer)
    texts = catalogue(language)
    rows = net._data(x, y, sample_weight)
    with functions_of_the_users_own(net):
        try:
            work = Working(net, rows, rule)
        except OverflowError as error:
            raise FloatingPointError(
                f"a figure became too large ({error}): there is no step to explain"
            ) from None
        difference = agreement(work, rows, rule)
        is_small = count_of_figures(work.twin.sizes, work.n_rows) <= MOST_FIGURES
        names = Names(work.twin.sizes, work.n_rows, texts.words["row"])
        of = Quantities(work, names)
        steps = every_step(of, x, y) if is_small else overview_steps(of)
    contents = Contents(
        described_network(work),
        repr(rule),
        work.data.x,
        work.data.y,
        work.loss,
        difference,
        not is_small,
        work.n_rows,
        "reference" if work.is_twins else "kernels",
    )
    return Trace(contents, steps, digits, language)


def every_step(of: Quantities, x: Any, y: Any) -> list[Step | Summary]:
    """Return a step for every figure."""
    return [
        *ready_steps(of.work, of.names, x, y),
        *forward_steps(of),
        *loss_steps(of),
        *backward_steps(of),
        *update_steps(of),
    ]


def described_network(work: Working) -> dict[str, Any]:
    """Return description and parameters, before and after, as a trace has them."""
    twin, net = work.twin, work.net
    layers = [
        {
            "units": layer.units,
            "inputs": n_in,
            "activation": layer.activation,
            "bias": layer.bias,
            "norm": layer.norm,
            "dropout": layer.dropout,
            "residual": layer.residual,
        }
        for layer, n_in in zip(net.layers, net.sizes, strict=False)
    ]
    return {
        "sizes": net.sizes,
        "loss": net.loss,
        "dtype": net.dtype,
        "layers": layers,
        "weights": work.weights,
        "biases": work.biases,
        "new_weights": twin.weights,
        "new_biases": twin.biases,
    }
