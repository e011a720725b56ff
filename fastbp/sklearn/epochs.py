"""The books that scikit-learn keeps of a fit, and its rules to go on, to slow down or to stop."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from sklearn.metrics import check_scoring

import fastbp as fb
from fastbp.sklearn.blocks import evaluated, outputs
from fastbp.sklearn.rules import DIVISOR, LEAST_RATE, set_epsilon, set_rate


class Held(NamedTuple):
    """Validation rows: x, targets as the user has them and as the network does, weights."""

    x: Any
    y: Any
    target: Any
    weight: Any


class Epochs(fb.Callback):
    """Keep the attributes of an estimator after each epoch; say when to stop.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    reported : Reported
        Turns the core's losses into scikit-learn's.
    n_rows, batch_size : int
        Rows that are trained on, and of a batch.
    held : Held or None
    incremental : bool
        Whether it is a partial_fit: one epoch, of which the rules see nothing.
    """

    changes_parameters = False

    def __init__(
        self,
        estimator: Any,
        reported: Reported,
        n_rows: int,
        batch_size: int,
        held: Held | None,
        incremental: bool,
    ) -> None:
        self.estimator = estimator
        self.reported = reported
        self.n_rows = n_rows
        self.n_steps = -(-n_rows // batch_size)
        self.held = held
        self.incremental = incremental
        self.scorer = None
        if estimator.early_stopping and estimator.scoring is not None:
            self.scorer = check_scoring(estimator, estimator.scoring)

    def begin(self, training: fb.Training) -> None:
        """Get ready for the first epoch."""
        self._prepare(training.optimizer)

    def _prepare(self, optimizer: Any) -> None:
        """Get ready for the next epoch."""
        if self.estimator.solver == "adam":
            set_epsilon(optimizer, self.estimator.epsilon, self.n_steps)

    def after_epoch(self, training: fb.Training) -> bool:
        """Write down the epoch; return whether it shall be the last."""
        own = self.estimator
        own.n_iter_ += 1
        own.t_ += self.n_rows
        own.loss_ = self.reported.loss(training.history.loss[-1], training.penalty)
        own.loss_curve_.append(own.loss_)
        if own.verbose:
            print(f"Iteration {own.n_iter_}, loss = {own.loss_:.8f}")
        self._look(training.network)
        if own.learning_rate == "invscaling" and own.solver == "sgd":
            rate = float(own.learning_rate_init) / (own.t_ + 1) ** own.power_t
            set_rate(training.optimizer, rate)
        self._prepare(training.optimizer)
        if own._no_improvement_count > own.n_iter_no_change and self._gives_up(training.optimizer):
            own.stopped_ = True
            return True
        return own.target_loss is not None and own.loss_ <= own.target_loss

    def _look(self, network: fb.Network) -> None:
        """Count the epochs since the loss or the score last got better."""
        own, held = self.estimator, self.held
        if held is not None:
            found = evaluated(network, held.x, held.target, held.weight, own.threads)
            own.validation_loss_curve_.append(self.reported.loss(found, 0.0))
        if own.early_stopping and held is not None:
            score = self._score(network, held)
            own.validation_scores_.append(score)
            if own.verbose:
                print(f"Validation score: {score:f}")
            better = not score < own.best_validation_score_ + own.tol
            if score > own.best_validation_score_:
                own.best_validation_score_ = score
                own._best = network.params.copy()
        else:
            better = not own.loss_ > own.best_loss_ - own.tol
            own.best_loss_ = min(own.best_loss_, own.loss_)
        own._no_improvement_count = 0 if better else own._no_improvement_count + 1

    def _score(self, network: fb.Network, held: Held) -> float:
        """Return the score of the validation rows."""
        own = self.estimator
        if self.scorer is None:
            predicted = own._decoded(outputs(network, held.x, own.threads))
            return own._figure(held.y, predicted, held.weight)
        with warnings.catch_warnings():
            # The rows are those of fit, whose names were looked at there.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            weight = {} if held.weight is None else {"sample_weight": held.weight}
            return float(self.scorer(own, held.x, held.y, **weight))

    def _gives_up(self, optimizer: Any) -> bool:
        """Return whether to stop where nothing gets better; "adaptive" goes on more slowly."""
        own = self.estimator
        what = "Validation score" if own.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={own.tol:f} for {own.n_iter_no_change} "
            "consecutive epochs."
        )
        adaptive = own.learning_rate == "adaptive" and own.solver == "sgd"
        if not adaptive or optimizer.learning_rate <= LEAST_RATE:
            note = " Learning rate too small. Stopping." if adaptive else " Stopping."
        else:
            set_rate(optimizer, optimizer.learning_rate / DIVISOR)
            note = f" Setting learning rate to {optimizer.learning_rate:f}"
            own._no_improvement_count = 0
        if own.verbose:
            print(message + note)
        return note.endswith("Stopping.")


class Reported(NamedTuple):
    """Losses as scikit-learn reports them, whose gradients agree with the core's.

    Of squared errors it takes the mean over the outputs, where the core takes the sum; from Poisson
    losses it takes what a perfect prediction would have.
    """

    # What the core's loss without penalty is divided by, and what is added then.
    n_means: int
    constant: float

    def loss(self, found: float, penalty: float) -> float:
        """Return the loss of the core's, which has the penalty in it."""
        # Not taken apart where nothing is divided: put together again it may be another number.
        divided = found if self.n_means == 1 else (found - penalty) / self.n_means + penalty
        return divided + self.constant
