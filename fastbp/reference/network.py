"""A network: its parameters, and everything that is done with them."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from . import checks, training
from .between import Between, Step
from .history import History
from .initializers import initial_weight
from .layers import Dense, check_layers
from .losses import check_pair, targets_a_row, weighted_loss
from .normalization import moved
from .optimizers import Optimizer, chosen_optimizer
from .parameters import Gradients, gradient_numbers, learned_places, shapes_of
from .passes import Passes, check_targets
from .scalars import Number, Row, Rows, is_finite
from .schedules import Schedule, chosen_schedule
from .standardization import Standardize
from .stopping import Stop
from .training import Data


class Network(Passes):
    """Dense layers one after the other, and the loss they are trained for.

    Parameters
    ----------
    n_in : int or None
        Number of inputs; None: those of `inputs`.
    layers : list of Dense
    loss : str
        A name of ``losses.LOSSES``: a mean over rows of a sum over outputs.
    dtype : {"float32", "float64"} or number type
        Both names mean Python's float here. Any other number type is given as the callable that
        makes its numbers: fractions.Fraction, decimal.Decimal, complex, mpmath.mpf.
    seed : int or None
        Of the first weights and of the shuffling; None gives others each time.
    inputs, targets : Standardize or None
        What x, and for a regression y, goes through first; predictions come back in the unit of y.
        The first fit fits them to the rows that it trains on, if nothing has before.

    Attributes
    ----------
    weights : list of rows (n_out, n_in), one item a layer
    biases : list of (n_out,) or None, one item a layer
    sizes : list of int
        Widths, the input's first.

    Examples
    --------
    >>> from fractions import Fraction
    >>> net = Network(2, [Dense(1)], dtype=Fraction)
    >>> net.params = [2, 3, Fraction(1, 2)]
    >>> net.predict([[1, 1]])
    [[Fraction(11, 2)]]
    """

    def __init__(
        self,
        n_in: int | None,
        layers: Sequence[Dense],
        loss: str = "mse",
        dtype: str | Callable[[Any], Number] = "float32",
        seed: int | None = 0,
        inputs: Standardize | None = None,
        targets: Standardize | None = None,
    ) -> None:
        self.layers = list(layers)
        if not self.layers or not all(isinstance(layer, Dense) for layer in self.layers):
            raise TypeError(f"layers must be a list of at least one Dense, got {layers!r}")
        self.inputs, self.targets = inputs, targets
        if n_in is None and inputs is not None:
            n_in = inputs.n_out
        self.sizes = [checks.count("n_in", n_in), *(layer.units for layer in self.layers)]
        check_pair(self.layers[-1].activation, loss)
        check_layers(self.layers, self.sizes, loss)
        self._n_y = targets_a_row(loss, self.sizes[-1])
        check_targets(targets, loss, self.layers[-1].activation)
        self.loss = loss
        self.dtype = dtype
        self.seed = seed
        self._number = checks.number_type(dtype)
        self._activations = [layer.activation for layer in self.layers]
        self._dropout_key = (random.getrandbits(64) if seed is None else seed) % 2**64
        rng = random.Random(seed)
        self.weights: list[Rows] = []
        self.biases: list[Row | None] = []
        self._norms: list[Rows] = []
        zero, one = self._number(0), self._number(1)
        shapes = shapes_of(self.layers, self.sizes)
        for layer, width, shape in zip(self.layers, self.sizes, shapes, strict=False):
            weight: Rows = []
            if layer.tied_to is None:
                weight = initial_weight(rng, layer.init, layer.activation, width, layer.units)
            self.weights.append([[self._number(w) for w in row] for row in weight])
            self.biases.append([zero] * layer.units if layer.bias else None)
            # Scale, shift, running mean and running variance.
            starts = [one, zero, zero, one][: shape.norm_parts]
            self._norms.append([[start] * layer.units for start in starts])
        self._tie()

    def __repr__(self) -> str:
        """Show what the network was made from."""
        return f"Network({self.sizes[0]}, {self.layers}, loss={self.loss!r})"

    def train_step(
        self,
        x: Rows,
        y: Rows | Row,
        optimizer: str | Optimizer,
        sample_weight: Row | None = None,
    ) -> Number:
        """Take one step down the gradient.

        Parameters
        ----------
        x, y, sample_weight
            As in evaluate.
        optimizer : str or optimizer
            A name makes a new optimizer, so pass an object where it should remember.

        Returns
        -------
        L : number
            The loss before the update.

        Raises
        ------
        FloatingPointError
            The loss is not finite; the parameters stay as they are.
        """
        data = self._data(x, y, sample_weight)
        optimizer = chosen_optimizer(optimizer)
        loss, gradients, between = self._step(data, optimizer)
        if not is_finite(loss):
            raise FloatingPointError(
                f"loss became {loss} (learning_rate {optimizer.learning_rate}); "
                "the parameters are unchanged"
            )
        self._apply(optimizer, gradients, between)
        return loss

    def apply_gradients(self, gradients: Gradients | Row, optimizer: str | Optimizer) -> None:
        """Take one step down gradients that are given, as train_step does with its own.

        Layers that are not trainable stay, and so do running means and variances.

        Parameters
        ----------
        gradients : Gradients or list of n_params numbers
            What gradient or backward returned, or numbers in the order of params, such as the
            means of several. Each becomes a number of the network's type. Not changed.
        optimizer : str or optimizer
            As in train_step.

        Raises
        ------
        FloatingPointError
            A number is not finite; parameters and optimizer stay as they are.

        Examples
        --------
        >>> net = mlp([1, 1])
        >>> net.params = [0, 0]
        >>> net.apply_gradients(net.backward([[2.0]], [[-1.0]]), "sgd")
        >>> net.params
        [0.002, 0.001]
        """
        optimizer = chosen_optimizer(optimizer)
        shapes, of = shapes_of(self.layers, self.sizes), f"network {self._sizes}"
        flat = gradient_numbers(gradients, shapes, of, self._number)
        optimizer._claim(self)
        self._update(optimizer, flat)

    def fit(
        self,
        x: Rows,
        y: Rows | Row,
        optimizer: str | Optimizer = "adam",
        epochs: int = 10,
        batch_size: int = 32,
        shuffle: training.Shuffle = True,
        validation: tuple[Any, Any] | float | None = None,
        sample_weight: Row | None = None,
        stop: Stop | None = None,
        callbacks: Sequence[Callable[[Any, History], Any]] = (),
        progress: bool | None = None,
        threads: int | None = None,
        schedule: Schedule | Callable[[int], Number] | None = None,
        class_weight: str | dict[int, Number] | Row | None = None,
        metrics: Any = (),
        resume: None = None,
        l2: Number = 0.0,
    ) -> History:
        """Train: one update for each batch, all batches once an epoch.

        Parameters
        ----------
        x, y, sample_weight
            As in evaluate. A batch whose weights are all 0 is left out.
        optimizer : {"adam", "sgd"} or optimizer
        epochs, batch_size : int
        shuffle : bool, {"rows", "blocks", "none"} or function
            New random batches for every epoch, by the network's seed; of blocks of neighbours, or
            none. A function returns the order of each epoch, a list of indices.
        validation : (x, y), a fraction between 0 and 1, or None
            Rows that are only looked at; a fraction takes them from x by the network's seed, or
            the last ones when shuffle is False.
        stop : Stop or None
        callbacks : functions of (network, history)
            Called after each epoch; a true result ends training.
        progress : bool or None
            Whether to print a line an epoch to standard error; None does so on a terminal.
        threads : int or None
            Accepted and ignored: it is for the compiled package.
        schedule : Schedule, function or None
            What the learning rate is multiplied by in each step, or a function of the epoch, from
            1, that returns the learning rate. Afterwards it is what it was.
        class_weight : dict, list (n_classes,), "balanced" or None
            Weight of each class, by which that of each row is multiplied; "balanced" is n_rows /
            (n_classes rows of the class).
        metrics : names or functions
            "accuracy", "r2" and functions of (y, outputs), of training and validation rows, and
            "gradient_norm".
        resume : None
            Checkpoints are files of the compiled package.
        l2 : number
            Of the penalty l2/2 sum W^2 on the weights, added to the sum of each batch's weighted
            losses before it is divided by the sum of the weights.

        Returns
        -------
        History

        Warns
        -----
        RuntimeWarning
            When the loss is no longer finite. Parameters and optimizer go back to where they were
            at the last step with a finite loss.
        """
        if resume is not None:
            raise ValueError(f"resume must be None, the twin reads no files, got {resume!r}")
        rule = chosen_optimizer(optimizer)
        return training.fit(
            self,
            x,
            y,
            rule,
            training.Plan(
                epochs,
                batch_size,
                shuffle,
                validation,
                sample_weight,
                chosen_schedule(schedule, rule.learning_rate),
                class_weight,
                metrics,
                l2,
            ),
            training.Reports(stop, tuple(callbacks), progress),
        )

    def _step(self, data: Data, optimizer: Optimizer) -> tuple[Number, Gradients, list[Between]]:
        """Loss and gradients in the next training step of an optimizer, and its layers' extras."""
        walk = self._forward(data.x, Step(self._dropout_key, optimizer._step, data.weight))
        gradients = self._backward(walk, self._delta(walk, data))
        return weighted_loss(*self._output(walk, data)), gradients, walk.between

    def _apply(self, optimizer: Optimizer, gradients: Gradients, between: list[Between]) -> None:
        """Move the running statistics of batch norms, and take the optimizer's step."""
        optimizer._claim(self)
        for layer, norm, extra in zip(self.layers, self._norms, between, strict=True):
            if extra.batch_mean:
                norm[2] = moved(norm[2], extra.batch_mean, layer.norm)
                norm[3] = moved(norm[3], extra.batch_variance, layer.norm)
        self._update(optimizer, gradients.flat)

    def _update(self, optimizer: Optimizer, flat: Row) -> None:
        """Take the step of an optimizer that has claimed the network, with a flat gradient."""
        params, learned = self.params, learned_places(self.layers, self.sizes)
        optimizer._update(params, flat, self._number, learned)
        self.params = params


def mlp(
    sizes: Sequence[int | None],
    hidden: str = "relu",
    output: str = "identity",
    loss: str = "mse",
    dtype: str | Callable[[Any], Number] = "float32",
    seed: int | None = 0,
    inputs: Standardize | None = None,
    targets: Standardize | None = None,
) -> Network:
    """Make a network with the same activation in all hidden layers.

    Parameters
    ----------
    sizes : list of int
        Widths, from the inputs to the outputs.
    hidden, output : str
        Activations.
    loss, dtype, seed, inputs, targets
        As in Network.

    Returns
    -------
    Network

    Examples
    --------
    >>> mlp([2, 3, 1], hidden="tanh").sizes
    [2, 3, 1]
    """
    n_in, *units = sizes
    if not units:
        raise ValueError(f"sizes must have at least 2 numbers (inputs and outputs), got {[n_in]}")
    *widths, n_out = (checks.count("sizes", width) for width in units)
    layers = [Dense(width, hidden) for width in widths] + [Dense(n_out, output)]
    return Network(n_in, layers, loss, dtype, seed, inputs, targets)
