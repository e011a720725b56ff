"""How an estimator is pickled: its network as the checked bytes of a model file."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from fastbp import files
from fastbp.construction import network_of

# What is made anew from the model's bytes.
OF_NETWORK = ("_network", "coefs_", "intercepts_")


class Stored(BaseEstimator):
    """An estimator that keeps its network as a model file does.

    Of an optimizer that partial_fit goes on with, the state is kept beside it.
    """

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_network" in state:
            state = {name: value for name, value in state.items() if name not in OF_NETWORK}
            state["model"] = files.to_bytes(self.network_.file_contents())
            optimizer = state.get("_optimizer")
            if optimizer is not None and optimizer.steps:
                state["optimizer_state"] = (optimizer.clock.copy(), optimizer.slots.copy())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        model, moments = state.pop("model", None), state.pop("optimizer_state", None)
        super().__setstate__(state)
        if model is None:
            return
        name = f"model of the pickled {type(self).__name__}"
        self._network = network_of(files.from_bytes(model, name), name)
        views = self._views()
        self.coefs_, self.intercepts_ = views[: len(views) // 2], views[len(views) // 2 :]
        if moments is not None:
            optimizer = self._optimizer
            optimizer.bind(self._network, self._network.params)
            optimizer.check_state(optimizer.hyper, *moments)
            optimizer.clock[:], optimizer.slots[:] = moments
