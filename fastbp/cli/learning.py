"""The training itself: the network of a problem, its fit, and what is left when it is stopped."""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass

import numpy as np

import fastbp as fb
from fastbp.cli.epochs import EpochTable, shows_bar
from fastbp.cli.errors import CommandError
from fastbp.cli.figures import Figures, figures
from fastbp.cli.model import Model
from fastbp.cli.problem import Part, Problem
from fastbp.cli.signals import Best, Terminated
from fastbp.cli.target import ClassTarget

MOMENTUM = 0.9
LEARNING_RATES = {"adam": 2e-3, "sgd": 1e-2}
INTERRUPTED = "interrupted"


@dataclass
class Outcome:
    """What a training came to.

    Attributes
    ----------
    history : History
        The figures of its epochs.
    best : int or None
        The epoch whose parameters were kept; None: the last.
    stopped : BaseException or None
        The signal that ended it before its end.
    """

    history: fb.History
    best: int | None = None
    stopped: BaseException | None = None


def make_model(options: argparse.Namespace, problem: Problem) -> Model:
    """Return the model to train."""
    classify = isinstance(problem.target, ClassTarget)
    network = fb.mlp(
        [None, *options.hidden, problem.target.n_outputs],
        hidden=options.activation,
        output="softmax" if classify else "identity",
        loss="cross_entropy" if classify else "mse",
        dtype=options.dtype,
        seed=options.seed,
        inputs=problem.columns,
        targets=None if classify else fb.Standardize().fit(problem.training.y),
    )
    model = Model(network, problem.target, problem.fill)
    for part in (problem.validation, problem.test):
        if part is not None:
            model.check_fits(part.table)
    return model


class Recorder(fb.Callback):
    """Holds the history of a fit, also of one that does not come to its end."""

    def __init__(self) -> None:
        self.history = fb.History()

    def begin(self, training: fb.Training) -> None:
        """Take hold of it."""
        self.history = training.history


def train(
    options: argparse.Namespace, model: Model, problem: Problem, callbacks: list[fb.Callback]
) -> Outcome:
    """Fit the network; after a signal it has the best parameters so far.

    Raises
    ------
    CommandError
        If the fit diverged.
    KeyboardInterrupt, Terminated
        If a signal came before the first step.
    """
    optimizer, best, recorder = _optimizer(options), Best(), Recorder()
    table = EpochTable(options.epochs, options.show_every)
    try:
        history = _fit(options, model, problem, optimizer, [table, best, recorder, *callbacks])
    except (KeyboardInterrupt, Terminated) as error:
        if optimizer.steps == 0:
            raise
        history = recorder.history
        history.stop_reason = INTERRUPTED
        if best.params is not None:
            model.network.params = best.params
        return Outcome(history, best.epoch, error)
    if history.stop_reason == "diverged":
        raise CommandError(
            f"no model was saved: {history.message}; a smaller --learning-rate may help"
        )
    if not history.validation_loss:
        return Outcome(history)
    return Outcome(history, int(np.argmin(history.validation_loss)) + 1)


def _fit(
    options: argparse.Namespace,
    model: Model,
    problem: Problem,
    optimizer: fb.Adam | fb.SGD,
    callbacks: list[fb.Callback],
) -> fb.History:
    watched = problem.validation
    metric = "accuracy" if isinstance(problem.target, ClassTarget) else "r2"
    with warnings.catch_warnings():
        # Of a divergence, which is an error here.
        warnings.simplefilter("ignore", RuntimeWarning)
        return model.network.fit(
            problem.training.table.plain(),
            problem.training.y,
            optimizer,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=None if watched is None else (watched.table.plain(), watched.y),
            metrics=() if watched is None else f"validation_{metric}",
            stop=fb.Stop(
                loss=options.stop_loss,
                seconds=options.max_seconds,
                patience=options.patience,
                restore_best=watched is not None,
            ),
            callbacks=callbacks,
            progress=None if shows_bar() else False,
            threads=options.threads,
        )


def judged(model: Model, part: Part | None) -> Figures | None:
    """Return the figures of a part of the rows; None where there are none."""
    return None if part is None else figures(model.target, model.predict(part.table), part.y)


def _optimizer(options: argparse.Namespace) -> fb.Adam | fb.SGD:
    rate = options.learning_rate or LEARNING_RATES[options.optimizer]
    return fb.Adam(rate) if options.optimizer == "adam" else fb.SGD(rate, momentum=MOMENTUM)
