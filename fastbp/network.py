"""Network: a dense feed-forward network and how it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks, class_weights, files, names
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.history import History, Stop
from fastbp.initializers import initial_weight
from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.passes import Passes
from fastbp.plan import Plan, fit_bytes
from fastbp.rows import Rows, split
from fastbp.schedules import Schedule, as_schedule
from fastbp.spec import Dense, Spec
from fastbp.threads import fit_threads, split_columns, usable_cores
from fastbp.training import Callback, Fit, Settings, checked_callbacks, show_progress

if TYPE_CHECKING:
    import numpy.typing as npt


class Network(Passes):
    """A dense feed-forward network trained by backpropagation.

    z^l = W^l a^(l-1) + b^l and a^l = s(z^l) for l = 1 .. L, with a^0 = x; predictions are a^L.

    Parameters
    ----------
    n_in : int
        Number of inputs, at least 1.
    layers : list of Dense
        The layers, at least one; the last one's units are the outputs.
    loss : str
        Every loss is a mean over rows of a sum over outputs. mse: 1/2 (a - y)^2; mae, huber,
        log_cosh, quantile, hinge (y is -1 or 1), with any output. cross_entropy and kl_divergence
        with output softmax, binary_cross_entropy with sigmoid, poisson and gamma with exp,
        gaussian_nll (means, then logarithms of variances) with identity. Parameters stand in
        brackets: "huber(1.5)", "quantile(0.9)", "cross_entropy(label_smoothing=0.1)". Or a name
        given to `register_loss`.
    dtype : str
        "float32" or "float64", of parameters and arithmetic.
    seed : int or None
        Seeds initial weights, shuffling and validation splits; None draws a new one each time.

    Attributes
    ----------
    params : array, (n_params,)
        All parameters, writable; layer by layer the weight as [in][out], the bias, scale, shift,
        running means and variances, as far as the layer has them.
    weights, biases : tuples of arrays
        Views (n_out, n_in) and (n_out,) of `params`, writable; a bias is None for bias=False.
    scales, shifts, means, variances : tuples of arrays
        Views (n_out,) of `params` for layers with a norm, the last two (running means and
        variances) with norm="batch"; None for others.
    metadata : dict
        JSON values of the user's own, kept in the model file.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, out of range, an unknown name, or a loss whose output
        activation does not fit.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986, eq. 1-7.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.Network(2, [fb.Dense(3, "tanh"), fb.Dense(1)], loss="mse", seed=0)
    >>> net.weights[0].shape, net.biases[0].shape, net.params.size
    ((3, 2), (3,), 13)
    >>> net.predict([[0.0, 0.0]])
    array([[0.]], dtype=float32)
    """

    def __init__(
        self,
        n_in: int,
        layers: Sequence[Dense],
        loss: str = "mse",
        dtype: str = "float32",
        seed: int | None = 0,
    ) -> None:
        self._build(Spec(n_in, layers, loss, dtype, seed))
        rng = np.random.default_rng(seed)
        for layer, n_in_layer, weight in zip(
            self.layers, self._spec.sizes[:-1], self.weights, strict=True
        ):
            if layer.tied_to is None:
                weight.T[...] = initial_weight(layer, n_in_layer, rng)
        for part in (*self.scales, *self.variances):
            if part is not None:
                part[...] = 1

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
            The loss is NaN or infinite; the parameters stay as they are.

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
        rows = self._data(x, y, sample_weight)
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
                f"loss became {loss} at step {rule.steps + 1} (learning_rate "
                f"{rule.learning_rate:g}); the parameters are unchanged"
            )
        return loss

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        optimizer: str | Optimizer = "adam",
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: bool = True,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | float | None = None,
        sample_weight: npt.ArrayLike | None = None,
        stop: Stop | None = None,
        callbacks: Iterable[Callback] | Callback = (),
        progress: bool | None = None,
        threads: int | None = None,
        schedule: Schedule | Callable[[int], float] | None = None,
        class_weight: str | Mapping[int, float] | npt.ArrayLike | None = None,
    ) -> History:
        """Train by minibatch gradient descent until the last epoch or a stop rule.

        Parameters
        ----------
        x, y, sample_weight
            As for `evaluate`. A batch whose weights are all 0 is passed over.
        optimizer : str or Optimizer
            A name in lower case such as "adam", or an object; an object's state goes on from
            earlier steps.
        epochs : int
            Passes over the rows, at least 1.
        batch_size : int or None
            Rows an update, at least 1; None or more than there are: all rows.
        shuffle : bool
            Whether rows are drawn in a new order each epoch.
        validation : (x, y) or float, optional
            Rows to evaluate after each epoch, or the fraction of the rows to hold out: drawn by the
            seed, or the last ones without shuffle.
        stop : Stop, optional
            Rules that end the fit early.
        callbacks : callables
            Called as callback(network, history) after each epoch; a true return value stops.
        progress : bool, optional
            Whether to print a line an epoch to standard error; None: where that is a terminal.
        threads : int, optional
            The most threads to use, at least 1; None: FASTBP_NUM_THREADS, or else OMP_NUM_THREADS
            (which joblib sets in its processes), or else the cores that the process may use. Fewer
            are used where the work pays for fewer, and never more than there are cores. The result
            has the same bits for any number.
        schedule : Schedule or callable, optional
            What the optimizer's learning rate is multiplied by, step by step: StepDecay,
            ExponentialDecay, InverseScaling, Linear, Cosine, Warmup, OneCycle, ReduceOnPlateau; or
            a function of the epoch, from 1, that returns the learning rate. Afterwards the
            learning rate is what it was.
        class_weight : dict, array_like (n_classes,) or "balanced", optional
            Weight of each class, at least 0, by which each row's own is multiplied; classes that a
            dict leaves out have 1, "balanced" gives n_rows / (n_classes rows of the class).

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            An argument is of the wrong type, shape or range; the parameters stay as they are.

        Warns
        -----
        RuntimeWarning
            The loss became NaN or infinite: training stops with stop_reason "diverged" and the
            parameters of the last step with a finite loss.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([2, 8, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
        >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> history = net.fit(x, y, fb.Adam(0.05), epochs=2000, stop=fb.Stop(loss=0.01))
        >>> history.stop_reason
        'loss'
        """
        rule = as_optimizer(optimizer)
        if stop is not None and not isinstance(stop, Stop):
            raise TypeError(f"stop must be a fb.Stop, got {checks.described(stop)}")
        rows = self._data(x, y, sample_weight)
        if class_weight is not None:
            rows = rows._replace(weight=self._class_weights(class_weight, rows))
        held = None
        if validation is not None:
            rows, held = self._validation(rows, validation, checks.flag("shuffle", shuffle))
        n_rows = len(rows.x)
        size = n_rows if batch_size is None else checks.integer("batch_size", batch_size, 1)
        settings = Settings(
            epochs=checks.integer("epochs", epochs, 1),
            batch_size=min(size, n_rows),
            shuffle=checks.flag("shuffle", shuffle),
            stop=stop or Stop(),
            callbacks=checked_callbacks(callbacks),
            progress=show_progress(progress),
            seed=self.seed,
            schedule=as_schedule(schedule, rule.learning_rate),
        )
        if rule.full_batch and settings.batch_size < n_rows:
            raise ValueError(
                f"batch_size must be None (all {n_rows} rows) for {type(rule).__name__}, which "
                f"compares gradients of the same rows, got {batch_size}; for smaller batches use "
                "fb.Adam or fb.RMSprop"
            )
        steps = settings.epochs * (n_rows / settings.batch_size)
        wanted = fit_threads(threads, self._spec, settings.batch_size, steps)
        found = self._take_engine(settings.batch_size, wanted, trains=True)
        job = Fit(self, *found, rule, rows, held, settings)
        self._bind(rule)
        if wanted > 1:
            team = engine.Team(wanted, usable_cores())
            found[1].use_team(team, split_columns(self._spec, wanted))
        try:
            history = job.run()
        finally:
            if wanted > 1:
                found[1].use_team(None)
                team.end()
            found[1].release_data()
        self._idle.append(found)
        return history

    def memory(self, batch_size: int, optimizer: str | Optimizer = "adam", threads: int = 1) -> int:
        """Return the bytes that a fit takes beside its rows.

        With P parameters, S state vectors of the optimizer, R = min(batch_size, 256) rows of a
        block, T threads and widths n_l padded to cache lines: parameters, gradient and state, (2 +
        S) P; a copy of parameters and state to go back to from a divergence, (1 + S) P; activations
        and deltas of a block, R (sum n_l + 2 max n_l), or 2 R sum n_l for a team; T places for
        packed operands and a piece of a gradient. An epoch's order of the rows, 8 bytes a row,
        comes on top.

        Parameters
        ----------
        batch_size : int
            Rows an update, at least 1.
        optimizer : str or Optimizer
            As for `fit`.
        threads : int
            As for `fit`.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            An argument is of the wrong type, below 1 or an unknown name.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([784, 128, 10], output="softmax", loss="cross_entropy")
        >>> net.memory(128, "adam") > net.memory(128, "sgd") > 2 * net.params.nbytes
        True
        """
        rows = checks.integer("batch_size", batch_size, 1)
        wanted = fit_threads(threads, self._spec, rows, float("inf"))
        plan = Plan(self._spec, rows, wanted)
        return fit_bytes(plan, as_optimizer(optimizer).n_slots)

    def _bind(self, rule: Optimizer) -> None:
        """Let an optimizer take on this network, of which something must be trainable."""
        if not any(self._spec.trainable):
            raise ValueError(
                "trainable must be True for at least one layer to train, got False for all "
                f"{len(self.layers)}; set net.layers[-1].trainable = True"
            )
        rule.bind(self, self._params, self._running)

    def _class_weights(self, class_weight: object, rows: Rows) -> Array | None:
        """Return the weights of the rows, multiplied by those of their classes."""
        loss, n_out = names.plain(self.loss), self._spec.n_out
        weight = class_weights.row_weights(class_weight, loss, n_out, *rows[1:])
        return checks.row_weights(weight, len(weight), self._dtype)

    def _validation(self, rows: Rows, validation: object, shuffle: bool) -> tuple[Rows, Rows]:
        """Return (training rows, validation rows) for (x, y) or a fraction."""
        if isinstance(validation, (tuple, list)):
            if len(validation) != 2:
                raise ValueError(
                    f"validation must be (x, y) or a fraction, got {len(validation)} items"
                )
            return rows, self._data(validation[0], validation[1], origin="validation ")
        fraction = checks.number("validation", validation, 0, below=1, above=True)
        return split(rows, fraction, shuffle, self.seed)

    def save(self, path: files.StrPath) -> None:
        """Write the network and its metadata to a file, which `fastbp.load` reads.

        Parameters
        ----------
        path : str or path
            Destination; an existing file is replaced at once or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        ValueError
            The metadata holds something that is not a JSON value.

        Examples
        --------
        >>> import fastbp as fb, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
        >>> fb.mlp([2, 3, 1]).save(path)
        >>> fb.load(path)
        <Network 2-3-1 (relu, identity), mse, float32, 13 parameters>
        """
        files.write(path, self._spec.to_dict(), self.metadata, self._params)
