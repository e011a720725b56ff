"""What is called during a fit: after epochs, after every so many steps, at its begin and end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastbp import checks
from fastbp.files import StrPath, as_path
from fastbp.history import History
from fastbp.optimizers.optimizer import Optimizer


class Training:
    """A fit at work, as callbacks see it.

    Attributes
    ----------
    network : Network
        What is trained; its parameters may be read and changed.
    optimizer : Optimizer
        Its settings may be read and changed.
    history : History
        What is recorded so far.
    epochs : int
        Epochs that the fit shall take.
    epoch : int
        Whole epochs taken so far, those before a resumed checkpoint included.
    step : int
        Steps taken since the end of the last whole epoch.
    total_steps : int
        Steps taken so far, those before a resumed checkpoint included.
    steps : int or None
        Steps of an epoch, where that is known beforehand.
    best : bool
        Whether the last epoch's monitored figure is the best so far.

    Examples
    --------
    >>> import fastbp as fb
    >>> seen = []
    >>> note = fb.EverySteps(2, lambda training: seen.append(training.total_steps))
    >>> x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> history = fb.mlp([1, 1]).fit(x, y, epochs=2, batch_size=1, callbacks=note)
    >>> seen
    [2, 4, 6]
    """

    def __init__(
        self,
        network: Any,
        optimizer: Optimizer,
        history: History,
        epochs: int,
        steps: int | None,
        loss: Callable[[], tuple[float, float]],
        save: Callable[[StrPath], bool],
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.history = history
        self.epochs = epochs
        self.steps = steps
        self.epoch = self.step = self.total_steps = 0
        self.best = False
        self._loss = loss
        self._save = save

    @property
    def loss(self) -> float:
        """Mean training loss of the epoch so far, or of the last whole one at its end."""
        return self._loss()[0]

    @property
    def penalty(self) -> float:
        """The part of `loss` that is the penalty l2, of the steps of this call of fit."""
        return self._loss()[1]

    def save(self, path: StrPath) -> bool:
        """Write a checkpoint, from which `fit(..., resume=path)` goes on bit for bit.

        Parameters
        ----------
        path : str or path
            Destination; an existing file is replaced at once or not at all.

        Returns
        -------
        bool
            Whether it was written: parameters that are not finite replace no file, nor does a fit
            that an error or a signal has ended, which may be in the middle of its accounts.

        Raises
        ------
        OSError
            The file cannot be written.

        Examples
        --------
        >>> import fastbp as fb, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "run.fastbp")
        >>> keep = fb.EverySteps(10, lambda training: not training.save(path))
        >>> x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
        >>> history = fb.mlp([1, 1]).fit(x, y, epochs=4, batch_size=1, callbacks=keep)
        >>> resumed = fb.load(path).fit(x, y, epochs=4, batch_size=1, resume=path)
        >>> resumed.loss == history.loss
        True
        """
        return self._save(path)


class Callback:
    """What a fit calls; subclasses say what they need. A true return value ends the fit.

    A plain function callback(network, history) is called after each epoch too. Callbacks are called
    in the order in which they are given, at the end in the reverse one, `after_epoch` before
    `after_steps`. An error in one of them ends the fit and reaches the caller.

    Attributes
    ----------
    every_steps : int or None
        After how many steps `after_steps` is called each time; None: never.
    changes_parameters : bool
        Whether it may write to the network's parameters or take steps of its own. False spares
        looking for that after each call; where it is not true, a divergence may go back to
        parameters that never were.

    Examples
    --------
    >>> import fastbp as fb
    >>> class Printer(fb.Callback):
    ...     def after_epoch(self, training):
    ...         print(training.epoch, len(training.history.loss))
    >>> history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=2, callbacks=[Printer()])
    1 1
    2 2
    """

    every_steps: int | None = None
    changes_parameters: bool = True

    def begin(self, training: Training) -> None:
        """Get ready; `training.epoch` is above 0 in a fit that is resumed."""

    def column_names(self, network: Any) -> tuple[str, ...]:
        """Return the names of what `figures` adds to the history, the same in every epoch."""
        return ()

    def figures(self, training: Training) -> Mapping[str, float]:
        """Return figures of the epoch that ends and is not yet counted, by `column_names`.

        Called before any `after_epoch`; it may look, and change nothing.
        """
        return {}

    def after_epoch(self, training: Training) -> object:
        """Look at a whole epoch."""

    def after_steps(self, training: Training) -> object:
        """Look at the state after each `every_steps` steps."""

    def end(self, training: Training) -> None:
        """Clean up, also where the fit ends by an error; called where `begin` came to its end."""


@contextlib.contextmanager
def begun(callback: Callback, training: Training) -> Iterator[None]:
    """Let a callback begin, and end in whatever way the fit does."""
    callback.begin(training)
    try:
        yield
    finally:
        callback.end(training)


class Function(Callback):
    """A plain function of (network, history), called after each epoch."""

    def __init__(self, function: Callable[[Any, History], object]) -> None:
        self.function = function

    def after_epoch(self, training: Training) -> object:
        """Call the function."""
        return self.function(training.network, training.history)


class EverySteps(Callback):
    """Call a function each time so many steps have been taken.

    Parameters
    ----------
    every : int
        Steps, at least 1, counted through all epochs.
    function : callable
        Called as function(training), see `Training`; a true return value ends the fit.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or below 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> end = fb.EverySteps(2, lambda training: training.total_steps == 4)
    >>> history = fb.mlp([1, 1]).fit(x, y, epochs=9, batch_size=1, callbacks=[end])
    >>> history.stop_reason, len(history.loss)
    ('callback', 1)
    """

    def __init__(self, every: int, function: Callable[[Training], object]) -> None:
        self.every_steps = checks.integer("every", every, 1)
        if not callable(function):
            raise TypeError(f"function must be callable, got {checks.described(function)}")
        self.function = function

    def after_steps(self, training: Training) -> object:
        """Call the function."""
        return self.function(training)


class Checkpoint(Callback):
    """Save the fit as it goes, so that `fit(..., resume=path)` goes on from there bit for bit.

    Parameters
    ----------
    path : str or path
        The file, replaced at once or not at all each time; `fastbp.load` reads its network.
    every : int or None
        Epochs between two checkpoints, at least 1; None: none at the end of epochs.
    every_steps : int, optional
        Steps between two checkpoints, at least 1, within epochs too.
    best : bool
        Whether an epoch is saved only where its monitored figure (see `Stop`) is the best so far.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or below 1.
    OSError
        In the fit: the file cannot be written.

    Examples
    --------
    >>> import fastbp as fb, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.fastbp")
    >>> x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> whole, part = fb.mlp([1, 4, 1]), fb.mlp([1, 4, 1])
    >>> history = whole.fit(x, y, epochs=6)
    >>> history = part.fit(x, y, epochs=3, callbacks=[fb.Checkpoint(path)])
    >>> history = fb.load(path).fit(x, y, epochs=6, resume=path)
    >>> len(history.loss)
    6
    """

    def __init__(
        self,
        path: StrPath,
        every: int | None = 1,
        every_steps: int | None = None,
        best: bool = False,
    ) -> None:
        self.path = as_path(path)
        self.every = None if every is None else checks.integer("every", every, 1)
        if every_steps is not None:
            self.every_steps = checks.integer("every_steps", every_steps, 1)
        self.best = checks.flag("best", best)

    def after_epoch(self, training: Training) -> None:
        """Save, where it is time to."""
        due = self.every is not None and training.epoch % self.every == 0
        if due and (training.best or not self.best):
            training.save(self.path)

    def after_steps(self, training: Training) -> None:
        """Save."""
        training.save(self.path)


def all_names(callbacks: Iterable[Callback], network: Any, taken: Iterable[str]) -> set[str]:
    """Return the names of what callbacks add to the history.

    Raises
    ------
    ValueError
        A name is taken by another figure.
    """
    names: set[str] = set()
    for callback in callbacks:
        for name in callback.column_names(network):
            if name in names or name in taken:
                raise ValueError(
                    "callbacks must record figures under names that no other figure has, got "
                    f"{name!r} of {type(callback).__name__} twice"
                )
            names.add(name)
    return names


def checked_callbacks(callbacks: object) -> tuple[Callback, ...]:
    """Return callbacks and plain functions as callbacks."""
    if isinstance(callbacks, Callback) or callable(callbacks):
        callbacks = [callbacks]
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            "callbacks must be fb.Callback objects or functions of (network, history), got "
            f"{checks.described(callbacks)}"
        )
    return tuple(_checked(item) for item in callbacks)


def _checked(item: object) -> Callback:
    """Return one callback."""
    if isinstance(item, Callback):
        if item.every_steps is not None:
            checks.integer("every_steps", item.every_steps, 1)
        return item
    is_class = isinstance(item, type) and issubclass(item, Callback)
    if callable(item) and not is_class:
        return Function(item)
    came = f"the class {item.__name__}" if isinstance(item, type) else checks.described(item)
    raise TypeError(
        f"callbacks must be fb.Callback objects or functions of (network, history), got {came}"
    )
