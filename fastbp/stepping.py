"""One update at a time: by the gradient of a batch, or by gradients that the caller has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbp.claims import Hold
from fastbp.fitting import Fitting
from fastbp.gradients import Gradients, vector_of
from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.rescue import lost_by
from fastbp.rows import Rows

if TYPE_CHECKING:
    import numpy.typing as npt


class Stepper(Fitting):
    """A network that takes single steps; `Network` is this and is fitted."""

    def train_step(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        optimizer: str | Optimizer,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Take one update on one batch; return the loss before it.

        Parameters
        ----------
        x, y, sample_weight
            As for `evaluate`.
        optimizer : Optimizer
            Its state goes on from step to step. A name is taken too, and starts afresh each call.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As for `evaluate`; the optimizer carries the state of another network.
        FloatingPointError
            The loss, or a mean or variance of the batch that a layer with norm="batch" takes, is
            NaN or infinite; the parameters stay as they are.
        RuntimeError
            Another thread trains the network, or uses the optimizer; nothing is changed.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init="zeros")])
        >>> net.train_step([[2.0]], [1.0], fb.SGD(0.1))
        0.5
        >>> net.weights[0]
        array([[0.2]], dtype=float32)
        """
        rule = as_optimizer(optimizer)
        with Hold("train_step", network=self, optimizer=rule):
            return self._step(rule, self._data(x, y, sample_weight))

    def _step(self, rule: Optimizer, rows: Rows) -> float:
        """Take one update on checked rows; return the loss before it."""
        self._bind(rule)
        found = self._take_engine(len(rows.x), trains=True)
        bound = found[1]
        bound.set_data(*rows)
        bound.set_rule(rule, None)
        diverged = bound.run(None, len(rows.x), 0, 1)
        loss: float = bound.last_loss
        bound.release_data()
        self._idle.append(found)
        if diverged:
            raise FloatingPointError(
                f"{lost_by(bound)} at step {rule.steps + 1} (learning_rate "
                f"{rule.learning_rate:g}); the parameters are unchanged"
            )
        return loss

    def apply_gradients(
        self, gradients: Gradients | npt.ArrayLike, optimizer: str | Optimizer
    ) -> None:
        """Take one update by gradients that are given, as `train_step` does by its batch's.

        For losses of your own by `backward`, and for sums or means over several batches. From the
        same gradient it is, bit for bit, the update of `train_step`: clipped and with penalties as
        the optimizer asks, its state and average going on, frozen layers staying as they are. The
        running means and variances of norm="batch" stay too: they would come from a batch.

        Parameters
        ----------
        gradients : Gradients or array_like, (n_params,)
            What `gradient` or `backward` returned, of this network or one with the same layers; or
            numbers in the order of `params`, such as `(first.flat + second.flat) / 2`. Another
            dtype is rounded to the network's. Not changed.
        optimizer : Optimizer
            As for `train_step`.

        Raises
        ------
        TypeError, ValueError
            The gradients are not real numbers, of another shape or of other layers; no layer is
            trainable; the optimizer carries the state of another network.
        FloatingPointError
            One of them is NaN or infinite, or is so in the network's dtype; parameters and
            optimizer stay as they are.
        RuntimeError
            As for `train_step`.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init="zeros")])
        >>> net.apply_gradients(net.backward([[2.0]], [[-1.0]]), fb.SGD(0.1))
        >>> net.weights[0], net.biases[0]
        (array([[0.2]], dtype=float32), array([0.1], dtype=float32))
        """
        rule = as_optimizer(optimizer)
        with Hold("apply_gradients", network=self, optimizer=rule):
            gradient = vector_of(gradients, self._spec, self._params)
            self._bind(rule)
            found = self._take_engine(1, trains=True)
            found[1].set_rule(rule, None)
            found[1].apply(gradient)
            self._idle.append(found)
