"""The fits that the golden checkpoints are of, made anew so that they can go on."""

from pathlib import Path

import numpy as np
from strategies import targets

import fastbp as fb
from fastbp import checkpoints
from fastbp.optimizers.optimizer import Optimizer
from fastbp.stopping import Watch

GRADIENT_NORM = "gradient_norm"
STOP = fb.Stop(restore_best=True, patience=9)


class Resumer:
    """Goes on from a checkpoint, or from a file that was made of it.

    Parameters
    ----------
    path : Path
        A golden checkpoint.
    """

    def __init__(self, path: Path) -> None:
        state = checkpoints.read(path)
        self.ground, self.place = state.ground, state.place
        self.settings = state.settings
        self.metrics = [*state.metrics, *(name for name in state.history if name == GRADIENT_NORM)]
        self.network = fb.load(path)
        rng = np.random.default_rng(state.seed)
        n_rows = self.ground.rows + self.ground.validation_rows
        self.x = rng.normal(size=(n_rows, 2))
        self.y = targets(rng, "mse", n_rows, self.network.sizes[-1], self.network.dtype)
        if self.network.inputs is not None:
            self.x = self.network.inputs.inverse(self.x)
        if self.network.targets is not None:
            self.y = self.network.targets.inverse(self.y)
        self.optimizer = self._optimizer()
        self.optimizer.bind(self.network, self.network.params)

    def _optimizer(self) -> Optimizer:
        optimizer = getattr(fb, self.ground.optimizer)()
        optimizer.hyper[:] = self.settings
        return optimizer

    def _schedule(self) -> fb.Schedule | None:
        plateau = self.ground.schedule != "None"
        return fb.ReduceOnPlateau(0.5, patience=0) if plateau else None

    def restore(self, state: checkpoints.State) -> None:
        """Check a state and take it on as a fit does, without the fit around it."""
        checkpoints.check_network(state, self.network.file_contents().network)
        checkpoints.check_sides(state, self.network.inputs, self.network.targets)
        checkpoints.check_settings(state, self.optimizer)
        checkpoints.check_ground(state, self.ground)
        watch = Watch(STOP, {"loss": False})
        parts = self.network.params, self.optimizer, self._schedule(), watch
        checkpoints.restore(state, *parts)
        self.optimizer.hyper[:] = self.settings

    def fit(self, path: Path | str, epochs: int) -> fb.History:
        """Go on to so many epochs with the arguments of the checkpoint's fit."""
        return self.network.fit(
            self.x,
            self.y,
            self._optimizer(),
            epochs=epochs,
            batch_size=self.ground.batch_size,
            validation=0.2,
            metrics=self.metrics,
            stop=STOP,
            schedule=self._schedule(),
            progress=False,
            threads=1,
            resume=path,
        )
