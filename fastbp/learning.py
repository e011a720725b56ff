"""How a network learns: a fit over arrays or a stream, a pass over rows that come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fastbp import checks
from fastbp.claims import Hold
from fastbp.files import StrPath
from fastbp.fitting import (
    Arguments,
    Callbacks,
    ClassWeight,
    Fitting,
    check_full_batch,
    watching,
)
from fastbp.history import History
from fastbp.metrics import Wanted
from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.schedules import Schedule
from fastbp.sources import (
    Blocks,
    Shuffle,
    Stored,
    Stream,
    checked_blocks,
    given_order,
    shuffle_mode,
)
from fastbp.stopping import Stop

if TYPE_CHECKING:
    import numpy.typing as npt


class Learner(Fitting):
    """A network that is fitted; `Network` is this and takes single steps."""

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        optimizer: str | Optimizer = "adam",
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: Shuffle = True,
        validation: tuple[npt.ArrayLike, ...] | float | None = None,
        sample_weight: npt.ArrayLike | None = None,
        stop: Stop | None = None,
        callbacks: Callbacks = (),
        progress: bool | None = None,
        threads: int | None = None,
        schedule: Schedule | Callable[[int], float] | None = None,
        class_weight: ClassWeight | None = None,
        metrics: Wanted | Iterable[Wanted] = (),
        resume: StrPath | None = None,
        l2: float = 0.0,
    ) -> History:
        """Train by minibatch gradient descent until the last epoch or a stop rule.

        `Standardize` as inputs or targets that is not fitted yet is fitted first, to the rows that
        are trained on: those held out do not count, and weights do not.

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
        shuffle : bool, str or callable
            "rows" (or True): the rows come in a new order each epoch. "blocks": blocks of 4,096
            neighbours do, and the rows within each, for memory maps. "none" (or False): no order.
            A function: what it returns each epoch is the order, (n_rows,) indices of the rows that
            are trained on; a checkpoint cannot be made then.
        validation : (x, y), (x, y, sample_weight) or float, optional
            Rows to evaluate after each epoch, or the fraction of the rows to hold out: drawn by the
            seed, or the last ones without shuffle.
        stop : Stop, optional
            Rules that end the fit early.
        callbacks : Callback objects or callables
            See `Callback`; a plain function is called as callback(network, history) after each
            epoch. A true return value stops.
        progress : bool, optional
            Whether to show progress on standard error: a bar in a terminal or notebook where tqdm
            is installed, else a line an epoch. None: only in a terminal or notebook.
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
        metrics : names or callables
            "accuracy" and "r2", taken after each epoch of the training rows and, as
            "validation_accuracy", of the validation rows (with this name of those alone);
            "gradient_norm"; functions of (y, outputs) that return a number. Each costs a pass over
            its rows; functions get both in the targets' own unit.
        resume : str or path, optional
            A checkpoint of an earlier fit of such a network on the same rows: the fit goes on from
            there as if it had never ended, bit for bit. `epochs` counts those behind it.
        l2 : float
            Factor of a penalty on the weights, not the biases, that is part of the loss: that of a
            batch is (sum_r w_r l_r + l2/2 sum W^2) / sum_r w_r. An optimizer's weight_decay is no
            part of the loss, and the same for every batch and parameter.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            An argument is of the wrong type, shape or range. An error before the first step leaves
            parameters and optimizer as they were.
        FileFormatError
            `resume` is not a checkpoint, or is damaged.
        OSError
            `resume` cannot be read.
        RuntimeError
            Another call trains the network, or uses the optimizer; nothing is changed.
        KeyboardInterrupt
            Ctrl-C, which is answered within a step too: the parameters and the optimizer's state
            are those of the last whole step, from which another fit with the same optimizer object
            goes on. The same with what a handler of the user's own raises for any signal.

        Warns
        -----
        RuntimeWarning
            The loss, or what norm="batch" has to keep, became NaN or infinite: training stops with
            stop_reason "diverged" and the parameters of the last step with a finite loss.

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
        given = Arguments(
            epochs, batch_size, shuffle, stop, callbacks, progress, schedule, metrics, l2
        )
        hold = Hold("fit", network=self, optimizer=rule, **watching(schedule))
        with hold, self._unfitted_again(rule):
            state = self._resumed(resume, rule, checks.integer("epochs", epochs, 1))
            seed, mode = self._fit_seed(state), shuffle_mode(shuffle)
            self._fit_sides(x, y, validation, mode, seed)
            rows = self._weighed(self._data(x, y, sample_weight), class_weight)
            part = self._split(rows, validation, mode, seed)
            source = Stored(part.rows, part.chosen, mode, given_order(shuffle))
            settings = self._settings(given, rule, seed, source.n_rows, part.held is not None)
            check_full_batch(rule, settings.batch_size, source.n_rows)
            return self._run(rule, source, part.held, settings, threads, state)

    def fit_stream(
        self,
        blocks: Blocks,
        optimizer: str | Optimizer = "adam",
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = False,
        validation: tuple[npt.ArrayLike, ...] | None = None,
        stop: Stop | None = None,
        callbacks: Callbacks = (),
        progress: bool | None = None,
        threads: int | None = None,
        schedule: Schedule | Callable[[int], float] | None = None,
        metrics: Wanted | Iterable[Wanted] = (),
        n_rows: int | None = None,
        l2: float = 0.0,
    ) -> History:
        """Train on rows that come block by block, of which one at a time is in memory.

        Batches go on from block to block: without shuffle the steps are, bit for bit, those of
        `fit` with shuffle=False on all rows together, however they are cut into blocks.

        Parameters
        ----------
        blocks : iterable, or function that returns one
            Blocks (x, y) or (x, y, sample_weight) of any number of rows, as for `evaluate`. An
            iterator does for one epoch; for more, a list or a function that is called for each.
        optimizer, epochs, batch_size, stop, callbacks, progress, threads, schedule
            As for `fit`; a checkpoint cannot be made.
        shuffle : bool
            Whether the rows of each block come in a new order.
        validation : (x, y) or (x, y, sample_weight), optional
            Rows to evaluate after each epoch.
        metrics : names or callables
            Of the validation rows: "validation_accuracy", "validation_r2", functions of (y,
            outputs); and "gradient_norm".
        n_rows : int, optional
            Rows an epoch, which a schedule must know.
        l2 : float
            As for `fit`.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            An argument or a block is of the wrong type, shape or range. An error within an epoch
            leaves the network as its last step left it.
        RuntimeError
            As for `fit`.

        Warns
        -----
        RuntimeWarning
            As for `fit`.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([2, 4, 1])
        >>> blocks = [([[0, 0], [0, 1]], [0, 1]), ([[1, 0], [1, 1], [2, 1]], [1, 2, 3])]
        >>> history = net.fit_stream(blocks, "adam", epochs=3, batch_size=2)
        >>> len(history.loss)
        3
        """
        rule = as_optimizer(optimizer)
        given = Arguments(
            epochs, batch_size, False, stop, callbacks, progress, schedule, metrics, l2
        )
        wanted = None if n_rows is None else checks.integer("n_rows", n_rows, 1)
        if schedule is not None and wanted is None:
            raise ValueError(
                "n_rows must be given with a schedule, which needs the steps of an epoch, got None"
            )
        with Hold("fit_stream", network=self, optimizer=rule, **watching(schedule)):
            held = None if validation is None else self._validation_rows(validation)
            settings = self._settings(given, rule, self._fit_seed(None), None, held is not None)
            check_full_batch(rule, settings.batch_size, None)
            given_blocks = checked_blocks(blocks, settings.epochs)
            order = checks.flag("shuffle", shuffle)
            source = Stream(given_blocks, settings.batch_size, order, self._block, wanted)
            return self._run(rule, source, held, settings, threads)

    def partial_fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        optimizer: str | Optimizer = "adam",
        batch_size: int | None = 32,
        shuffle: Shuffle = True,
        sample_weight: npt.ArrayLike | None = None,
        threads: int | None = None,
    ) -> History:
        """Go once over rows that have come in; the next call goes on where this one ends.

        Parameters
        ----------
        x, y, sample_weight
            As for `evaluate`.
        optimizer : str or Optimizer
            As for `fit`; an optimizer given by name is kept from call to call, with its state,
            until another name comes.
        batch_size, shuffle, threads
            As for `fit`; the orders of later calls go on from the generator's state.

        Returns
        -------
        History
            Of one epoch.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            As for `fit`.

        Warns
        -----
        RuntimeWarning
            As for `fit`.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([2, 4, 1])
        >>> for _ in range(3):
        ...     history = net.partial_fit([[0, 0], [0, 1], [1, 0]], [0, 1, 1])
        >>> len(history.loss)
        1
        """
        with Hold("partial_fit", network=self):
            rule = self._lasting(optimizer)
            with Hold("partial_fit", optimizer=rule):
                rows, mode = self._data(x, y, sample_weight), shuffle_mode(shuffle)
                source = Stored(rows, None, mode, given_order(shuffle))
                given = Arguments(1, batch_size, shuffle)
                settings = self._settings(given, rule, self._fit_seed(None), source.n_rows, False)
                check_full_batch(rule, settings.batch_size, source.n_rows)
                if self._generator is None:
                    self._generator = settings.rng
                settings = settings._replace(rng=self._generator)
                return self._run(rule, source, None, settings, threads)

    def _lasting(self, optimizer: str | Optimizer) -> Optimizer:
        """Return an optimizer; one given by name is the one of the call before."""
        if not isinstance(optimizer, str):
            return as_optimizer(optimizer)
        if self._optimizer is None or self._optimizer[0] != optimizer:
            self._optimizer = (optimizer, as_optimizer(optimizer))
        return self._optimizer[1]
