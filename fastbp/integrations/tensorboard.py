"""A log of a fit for TensorBoard, by tensorboardX."""

from __future__ import annotations

import os
from typing import Any

import fastbp as fb
from fastbp.integrations.packages import needed


class TensorBoard(fb.Callback):
    """Write every figure of the history as a scalar for TensorBoard, under its name, each epoch.

    A fit that is resumed writes another file to the same folder, which hides from TensorBoard what
    was written after the checkpoint.

    Parameters
    ----------
    folder : str or path
        Where the event files go; it is made if need be. One folder a fit.
    every_steps : int, optional
        Also write the mean loss of the epoch so far each time so many steps have been taken, at
        least 1, as "loss_so_far" over all steps. It goes to the folder "steps" inside, because
        TensorBoard counts epochs or steps in a folder, but not both.

    Raises
    ------
    ImportError
        tensorboardX is not installed.
    TypeError, ValueError
        `folder` is no path, or, in the fit, `every_steps` is no integer or below 1.
    OSError
        Before the first step: the folder cannot be written to.

    Examples
    --------
    >>> import fastbp as fb, os, tempfile
    >>> from fastbp.integrations.tensorboard import TensorBoard
    >>> log = TensorBoard(tempfile.mkdtemp())
    >>> history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=2, callbacks=log)
    >>> len(os.listdir(log.folder))
    1
    """

    def __init__(self, folder: str | os.PathLike[str], every_steps: int | None = None) -> None:
        if not isinstance(folder, (str, os.PathLike)):
            raise TypeError(f"folder must be a string or a path, got {folder!r}")
        self.folder = os.fsdecode(folder)
        self.every_steps = every_steps
        self._make_writer = needed("TensorBoard", "tensorboardX", "tensorboard").SummaryWriter
        self._epochs: Any = None
        self._steps: Any = None

    def begin(self, training: fb.Training) -> None:
        """Open the event files."""
        resumed = training.total_steps > 0
        # Names of event files have the second in them: one made in the same would be overwritten.
        name = f".{os.urandom(8).hex()}"

        def opened(folder: str, done: int) -> Any:
            purged = done + 1 if resumed else None
            return self._make_writer(folder, purge_step=purged, filename_suffix=name)

        try:
            self._epochs = opened(self.folder, training.epoch)
            if self.every_steps is not None:
                self._steps = opened(os.path.join(self.folder, "steps"), training.total_steps)
        except BaseException:
            self.end(training)
            raise

    def after_epoch(self, training: fb.Training) -> None:
        """Write the epoch's figures."""
        for name, value in training.history.last().items():
            self._epochs.add_scalar(name, value, training.epoch)

    def after_steps(self, training: fb.Training) -> None:
        """Write the loss of the steps so far."""
        self._steps.add_scalar("loss_so_far", training.loss, training.total_steps)

    def end(self, training: fb.Training) -> None:
        """Close the event files."""
        for writer in (self._epochs, self._steps):
            if writer is not None:
                writer.close()
        self._epochs = self._steps = None
