"""What a network does with its parameters as they are: predictions, losses, gradients."""

from collections.abc import Callable
from typing import Any, NamedTuple

from . import checks, losses
from .backpropagation import backward_pass, forward_pass
from .between import Between, Step, sums
from .layers import Dense, activation_delta
from .losses import weighted_delta, weighted_loss
from .normalization import columns
from .parameters import Gradients, flatten, shapes_of, unflatten
from .scalars import Number, Row, Rows
from .standardization import Standardize
from .training import Data


class Walk(NamedTuple):
    """A walk forward: every z and a, a^0 = x first, and what is between the layers."""

    z: list[Rows]
    a: list[Rows]
    between: list[Between]


class Passes:
    """Layers and their parameters; `Network` is this and learns."""

    layers: list[Dense]
    sizes: list[int]
    loss: str
    weights: list[Rows]
    biases: list[Row | None]
    _norms: list[Rows]
    _n_y: int
    _number: Callable[[Any], Number]
    _activations: list[str]
    inputs: Standardize | None
    targets: Standardize | None

    @property
    def params(self) -> Row:
        """All weights and biases in one new list; assigning a list puts them back.

        Layer by layer: the rows of the transposed weight, then the bias, then what normalisation
        has.
        """
        return flatten(self.weights, self.biases, self._norms, self._tied)

    @params.setter
    def params(self, flat: Row) -> None:
        of_layers = shapes_of(self.layers, self.sizes)
        expected = sum(shape.length() for shape in of_layers)
        if len(flat) != expected:
            raise ValueError(
                f"params must have {expected} numbers (network {self._sizes}), got {len(flat)}"
            )
        numbers = [self._number(value) for value in flat]
        self.weights, self.biases, self._norms = unflatten(numbers, of_layers)
        self._tie()

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
        outputs = self._outputs(self._ready(self._inputs(x)))
        return outputs if self.targets is None else self.targets.inverse(outputs)

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
        >>> from fastbp import reference
        >>> net = reference.mlp([1, 1])
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
        x = self._ready(self._inputs(x))
        name, of = "output_gradient", f"network {self._sizes}"
        g = checks.number_rows(name, output_gradient, self.sizes[-1], of, self._number)
        checks.same_length(name, g, len(x))
        walk = self._forward(x, None)
        above = walk.between[-1].enter(g)
        return self._backward(walk, activation_delta(walk.z[-1], above, self._activations[-1]))

    @property
    def _sizes(self) -> str:
        return "sizes " + "-".join(str(size) for size in self.sizes)

    def _inputs(self, x: Rows) -> Rows:
        return checks.number_rows("x", x, self.sizes[0], f"network {self._sizes}", self._number)

    def _data(self, x: Rows, y: Rows | Row, sample_weight: Row | None) -> Data:
        return self._standardized(self._raw(x, y, sample_weight))

    def _raw(self, x: Rows, y: Rows | Row, sample_weight: Row | None) -> Data:
        x = self._inputs(x)
        return Data(
            x,
            checks.target_rows(y, len(x), self._n_y, self.loss, self._number),
            checks.row_weights(sample_weight, len(x), self._number),
        )

    def _ready(self, x: Rows) -> Rows:
        return x if self.inputs is None else self.inputs.transform(x)

    def _standardized(self, data: Data) -> Data:
        y = data.y if self.targets is None else self.targets.transform(data.y)
        return Data(self._ready(data.x), y, data.weight)

    def _outputs(self, x: Rows) -> Rows:
        return self._forward(x, None).a[-1]

    @property
    def scales(self) -> list[Row | None]:
        """What normalised values are multiplied by, (n_out,) a layer; None without norm."""
        return [norm[0] if norm else None for norm in self._norms]

    @property
    def shifts(self) -> list[Row | None]:
        """What is added to them, (n_out,) a layer; None without norm."""
        return [norm[1] if norm else None for norm in self._norms]

    @property
    def means(self) -> list[Row | None]:
        """Running means of a batch norm, (n_out,) a layer; None for others."""
        return [norm[2] if len(norm) > 2 else None for norm in self._norms]

    @property
    def variances(self) -> list[Row | None]:
        """Running variances of a batch norm, (n_out,) a layer; None for others."""
        return [norm[3] if len(norm) > 2 else None for norm in self._norms]

    @property
    def _tied(self) -> list[bool]:
        return [layer.tied_to is not None for layer in self.layers]

    def _tie(self) -> None:
        """Let tied layers see the weights of the layers that they belong to."""
        for index, layer in enumerate(self.layers):
            if layer.tied_to is not None:
                weight = self.weights[layer.tied_to]
                self.weights[index] = columns(weight) if layer.transposed else weight

    def _forward(self, x: Rows, step: Step | None) -> Walk:
        self._tie()
        parts = zip(self.layers, self._norms, strict=True)
        between = [Between(layer, i, norm, step) for i, (layer, norm) in enumerate(parts)]
        z, a = forward_pass(x, self.weights, self.biases, self._activations, between)
        return Walk(z, a, between)

    def _output(self, walk: Walk, data: Data) -> tuple[Rows, Rows, Row, str, str]:
        """Return what a loss is of: z, or where a is more than s(z), a itself."""
        if self.layers[-1].residual:
            return walk.a[-1], data.y, data.weight, "identity", self.loss
        return walk.z[-1], data.y, data.weight, self._activations[-1], self.loss

    def _backward(self, walk: Walk, delta: Rows) -> Gradients:
        gradients = backward_pass(
            walk.z, walk.a, delta, self.weights, self.biases, self._activations, walk.between
        )
        gradients._tied = self._tied
        for index, layer in reversed(list(enumerate(self.layers))):
            if layer.tied_to is not None:
                part = gradients.weights[index]
                part = columns(part) if layer.transposed else part
                gradients.weights[layer.tied_to] = sums(gradients.weights[layer.tied_to], part)
        for index, layer in enumerate(self.layers):
            if layer.tied_to is not None:
                whole = gradients.weights[layer.tied_to]
                gradients.weights[index] = columns(whole) if layer.transposed else whole
        return gradients

    def _delta(self, walk: Walk, data: Data) -> Rows:
        delta = weighted_delta(*self._output(walk, data))
        if not self.layers[-1].residual:
            return delta
        above = walk.between[-1].enter(delta)
        return activation_delta(walk.z[-1], above, self._activations[-1])

    def _loss(self, data: Data) -> Number:
        return weighted_loss(*self._output(self._forward(data.x, None), data))

    def _loss_and_gradients(self, data: Data) -> tuple[Number, Gradients]:
        walk = self._forward(data.x, None)
        gradients = self._backward(walk, self._delta(walk, data))
        return weighted_loss(*self._output(walk, data)), gradients


# Losses of which the targets are numbers of any unit.
REGRESSION = ("mse", "mae", "huber", "log_cosh", "quantile")


def check_targets(targets: Standardize | None, loss: str, output: str) -> None:
    """Refuse to standardise targets that have a meaning of their own."""
    known = loss.partition("(")[0] in (*REGRESSION, *losses.CUSTOM)
    if targets is not None and not (known and output == "identity"):
        raise ValueError(
            f"targets must be None with loss {loss!r} and output {output!r}; they are standardised "
            f"for {', '.join(REGRESSION)} with output 'identity'"
        )
