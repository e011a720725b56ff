"""A network: its parameters, and everything that is done with them."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from . import checks, training
from .backpropagation import backward_pass, forward_pass
from .history import History
from .initializers import initial_weight
from .layers import Dense, activation_delta
from .losses import check_pair, targets_a_row, weighted_delta, weighted_loss
from .optimizers import Optimizer, chosen_optimizer
from .parameters import Gradients, count_parameters, flatten, unflatten
from .scalars import Number, Row, Rows, is_finite
from .schedules import Schedule, chosen_schedule
from .stopping import Stop
from .training import Data


class Network:
    """Dense layers one after the other, and the loss they are trained for.

    Parameters
    ----------
    n_in : int
        Number of inputs.
    layers : list of Dense
    loss : str
        A name of ``losses.LOSSES``: a mean over rows of a sum over outputs.
    dtype : {"float32", "float64"} or number type
        Both names mean Python's float here. Any other number type is given as the callable that
        makes its numbers: fractions.Fraction, decimal.Decimal, complex, mpmath.mpf.
    seed : int or None
        Of the first weights and of the shuffling; None gives others each time.

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
        n_in: int,
        layers: Sequence[Dense],
        loss: str = "mse",
        dtype: str | Callable[[Any], Number] = "float32",
        seed: int | None = 0,
    ) -> None:
        self.layers = list(layers)
        if not self.layers or not all(isinstance(layer, Dense) for layer in self.layers):
            raise TypeError(f"layers must be a list of at least one Dense, got {layers!r}")
        self.sizes = [checks.count("n_in", n_in), *(layer.units for layer in self.layers)]
        check_pair(self.layers[-1].activation, loss)
        self._n_y = targets_a_row(loss, self.sizes[-1])
        self.loss = loss
        self.dtype = dtype
        self.seed = seed
        self._number = checks.number_type(dtype)
        self._activations = [layer.activation for layer in self.layers]
        rng = random.Random(seed)
        self.weights: list[Rows] = []
        self.biases: list[Row | None] = []
        for layer, width in zip(self.layers, self.sizes[:-1], strict=True):
            weight = initial_weight(rng, layer.init, layer.activation, width, layer.units)
            self.weights.append([[self._number(w) for w in row] for row in weight])
            self.biases.append([self._number(0)] * layer.units if layer.bias else None)

    def __repr__(self) -> str:
        """Show what the network was made from."""
        return f"Network({self.sizes[0]}, {self.layers}, loss={self.loss!r})"

    @property
    def params(self) -> Row:
        """All weights and biases in one new list; assigning a list puts them back.

        Layer by layer: the rows of the transposed weight, then the bias.
        """
        return flatten(self.weights, self.biases)

    @params.setter
    def params(self, flat: Row) -> None:
        has_bias = [layer.bias for layer in self.layers]
        expected = count_parameters(self.sizes, has_bias)
        if len(flat) != expected:
            raise ValueError(
                f"params must have {expected} numbers (network {self._sizes}), got {len(flat)}"
            )
        numbers = [self._number(value) for value in flat]
        self.weights, self.biases = unflatten(numbers, self.sizes, has_bias)

    def predict(self, x: Rows, threads: int | None = None) -> Rows:
        """a^L for every row of x.

        Parameters
        ----------
        x : rows (n_rows, n_in)
        threads : int or None
            Accepted and ignored: it is for the compiled package.

        Returns
        -------
        a : rows (n_rows, n_out)
        """
        _, a = forward_pass(self._inputs(x), self.weights, self.biases, self._activations)
        return a[-1]

    def evaluate(
        self,
        x: Rows,
        y: Rows | Row,
        sample_weight: Row | None = None,
        threads: int | None = None,
    ) -> Number:
        """Loss of the predictions for x.

        Parameters
        ----------
        x : rows (n_rows, n_in)
        y : rows (n_rows, n_out), or a list (n_rows,) for one output or of class indices
        sample_weight : list (n_rows,) or None
            w in the loss sum_r w_r L_r / sum_r w_r.
        threads : int or None
            Accepted and ignored: it is for the compiled package.

        Returns
        -------
        L : number
        """
        return self._loss(self._data(x, y, sample_weight))

    def gradient(
        self, x: Rows, y: Rows | Row, sample_weight: Row | None = None
    ) -> tuple[Number, Gradients]:
        """Loss, and its derivative with respect to every parameter and every input.

        Parameters
        ----------
        x, y, sample_weight
            As in evaluate.

        Returns
        -------
        L : number
        gradients : Gradients

        Examples
        --------
        >>> net = mlp([1, 1])
        >>> net.params = [3.0, 0.0]
        >>> loss, gradients = net.gradient([[2.0]], [5.0])
        >>> loss, gradients.weights, gradients.biases, gradients.inputs
        (0.5, [[[2.0]]], [[1.0]], [[3.0]])
        """
        return self._loss_and_gradients(self._data(x, y, sample_weight))

    def backward(self, x: Rows, output_gradient: Rows) -> Gradients:
        """Gradients for a loss computed elsewhere, from its gradient at the outputs.

        Parameters
        ----------
        x : rows (n_rows, n_in)
        output_gradient : rows (n_rows, n_out)
            dL/da^L. The rows are added up as they are; a mean has to be in them already.

        Returns
        -------
        Gradients
        """
        x = self._inputs(x)
        name, of = "output_gradient", f"network {self._sizes}"
        g = checks.number_rows(name, output_gradient, self.sizes[-1], of, self._number)
        checks.same_length(name, g, len(x))
        z, a = forward_pass(x, self.weights, self.biases, self._activations)
        delta = activation_delta(z[-1], g, self._activations[-1])
        return backward_pass(z, a, delta, self.weights, self.biases, self._activations)

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
        loss, gradients = self._loss_and_gradients(data)
        if not is_finite(loss):
            raise FloatingPointError(
                f"loss became {loss} (learning_rate {optimizer.learning_rate}); "
                "the parameters are unchanged"
            )
        self._apply(optimizer, gradients)
        return loss

    def fit(
        self,
        x: Rows,
        y: Rows | Row,
        optimizer: str | Optimizer = "adam",
        epochs: int = 10,
        batch_size: int = 32,
        shuffle: bool = True,
        validation: tuple[Any, Any] | float | None = None,
        sample_weight: Row | None = None,
        stop: Stop | None = None,
        callbacks: Sequence[Callable[[Any, History], Any]] = (),
        progress: bool | None = None,
        threads: int | None = None,
        schedule: Schedule | Callable[[int], Number] | None = None,
        class_weight: str | dict[int, Number] | Row | None = None,
    ) -> History:
        """Train: one update for each batch, all batches once an epoch.

        Parameters
        ----------
        x, y, sample_weight
            As in evaluate. A batch whose weights are all 0 is left out.
        optimizer : {"adam", "sgd"} or optimizer
        epochs, batch_size : int
        shuffle : bool
            New random batches for every epoch, by the network's seed.
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

        Returns
        -------
        History

        Warns
        -----
        RuntimeWarning
            When the loss is no longer finite. Parameters and optimizer go back to where they were
            at the last step with a finite loss.
        """
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
            ),
            training.Reports(stop, tuple(callbacks), progress),
        )

    @property
    def _sizes(self) -> str:
        return "sizes " + "-".join(str(size) for size in self.sizes)

    def _inputs(self, x: Rows) -> Rows:
        return checks.number_rows("x", x, self.sizes[0], f"network {self._sizes}", self._number)

    def _data(self, x: Rows, y: Rows | Row, sample_weight: Row | None) -> Data:
        x = self._inputs(x)
        return Data(
            x,
            checks.target_rows(y, len(x), self._n_y, self.loss, self._number),
            checks.row_weights(sample_weight, len(x), self._number),
        )

    def _loss(self, data: Data) -> Number:
        z, _ = forward_pass(data.x, self.weights, self.biases, self._activations)
        return weighted_loss(z[-1], data.y, data.weight, self._activations[-1], self.loss)

    def _loss_and_gradients(self, data: Data) -> tuple[Number, Gradients]:
        z, a = forward_pass(data.x, self.weights, self.biases, self._activations)
        output = (z[-1], data.y, data.weight, self._activations[-1], self.loss)
        delta = weighted_delta(*output)
        gradients = backward_pass(z, a, delta, self.weights, self.biases, self._activations)
        return weighted_loss(*output), gradients

    def _apply(self, optimizer: Optimizer, gradients: Gradients) -> None:
        optimizer._claim(self)
        params = self.params
        optimizer._update(params, gradients.flat, self._number)
        self.params = params


def mlp(
    sizes: Sequence[int],
    hidden: str = "relu",
    output: str = "identity",
    loss: str = "mse",
    dtype: str | Callable[[Any], Number] = "float32",
    seed: int | None = 0,
) -> Network:
    """Make a network with the same activation in all hidden layers.

    Parameters
    ----------
    sizes : list of int
        Widths, from the inputs to the outputs.
    hidden, output : str
        Activations.
    loss, dtype, seed
        As in Network.

    Returns
    -------
    Network

    Examples
    --------
    >>> mlp([2, 3, 1], hidden="tanh").sizes
    [2, 3, 1]
    """
    sizes = list(sizes)
    if len(sizes) < 2:
        raise ValueError(f"sizes must have at least 2 numbers (inputs and outputs), got {sizes}")
    layers = [Dense(units, hidden) for units in sizes[1:-1]] + [Dense(sizes[-1], output)]
    return Network(sizes[0], layers, loss, dtype, seed)
