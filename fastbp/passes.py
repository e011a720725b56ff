"""What a network does with its parameters as they are: predictions, losses, gradients."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks, claims, names
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.files import Contents
from fastbp.gradients import Gradients
from fastbp.plan import NORM_PARTS, Plan, norm_views, places, views
from fastbp.room import require_room
from fastbp.rows import Rows
from fastbp.spec import Dense, Spec
from fastbp.threads import pass_threads, usable_cores

if TYPE_CHECKING:
    import numpy.typing as npt


class Views:
    """Views of the parameters, a tuple: its arrays are written in place, and it is not replaced."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, network: Any, owner: type | None = None) -> Any:
        return self if network is None else network._views[self.name]

    def __set__(self, network: Any, values: object) -> None:
        raise AttributeError(
            f"{self.name} must be written in place, net.{self.name}[layer][...] = array, or "
            f"through net.params; got {checks.described(values)} for the whole"
        )


class Passes:
    """A checked description and its parameters; `Network` is this and learns."""

    weights, biases = Views(), Views()
    scales, shifts, means, variances = Views(), Views(), Views(), Views()

    def _build(self, spec: Spec, params: Array | None = None) -> None:
        """Lay out parameters for a checked description: a vector that it keeps, or zeros."""
        self._spec = spec
        self._dtype = np.dtype(spec.dtype)
        self.metadata: dict[str, Any] = {}
        self._idle: list[tuple[Plan, Any]] = []
        # What partial_fit goes on with.
        self._optimizer: tuple[str, Any] | None = None
        self._generator: np.random.Generator | None = None
        if params is None:
            n_bytes = places(spec)[1] * self._dtype.itemsize
            require_room(f"parameters of network sizes {spec.shape_text}", n_bytes)
        plan = Plan(spec, 1)
        self._params: Array = plan.vector() if params is None else params
        self._views = dict(
            zip(("weights", "biases"), views(plan.layers, self._params), strict=True),
            **{part: norm_views(plan.layers, self._params, part) for part in NORM_PARTS},
        )
        self._running = [
            slice(layer.running, layer.running + 2 * layer.n_out)
            for layer in plan.layers
            if layer.running >= 0
        ]

    @property
    def params(self) -> Array:
        """All parameters as one writable vector; assigning copies into it."""
        return self._params

    @params.setter
    def params(self, values: npt.ArrayLike) -> None:
        if values is self._params:
            return
        claims.refuse("network", self, "assigning params")
        self._params[...] = checks.vector("params", values, self._params)

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers, first to last."""
        return tuple(self._spec.layers)

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, then each layer's units."""
        return list(self._spec.sizes)

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._spec.loss

    @property
    def dtype(self) -> str:
        """Name of the dtype of parameters and arithmetic."""
        return self._spec.dtype

    @property
    def seed(self) -> int | None:
        """Seed of initial weights, shuffling and splits."""
        return self._spec.seed

    def __repr__(self) -> str:
        activations = ", ".join(layer.activation for layer in self._spec.layers)
        return (
            f"<Network {self._spec.shape_text} ({activations}), {self.loss}, {self.dtype}, "
            f"{self._params.size} parameters>"
        )

    def file_contents(self) -> Contents:
        """Return what a file holds of the network; the parameters are no copy."""
        return Contents(self._spec.to_dict(), self.metadata, self._params)

    def _take_contents(self, contents: Contents) -> None:
        """Become the network of a file, whose vector of parameters is kept and not copied.

        Raises
        ------
        KeyError, TypeError, ValueError
            The description is none, or of another number of parameters than there are. Nothing has
            been allocated for it then.
        """
        spec = Spec.from_dict(contents.network)
        n_params = places(spec)[1]
        if len(contents.params) != n_params:
            raise ValueError(
                f"params must hold {n_params} numbers (network sizes {spec.shape_text}), got "
                f"{len(contents.params)}"
            )
        self._build(spec, contents.params)
        self.metadata = contents.metadata

    def __getstate__(self) -> dict[str, Any]:
        return {
            "spec": self._spec.to_dict(),
            "metadata": copy.deepcopy(self.metadata),
            "params": self._params.copy(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._build(Spec.from_dict(state["spec"]))
        self.metadata = state["metadata"]
        self._params[...] = checks.shaped("params", state["params"], self._params.shape)

    def _rows(self, x: object, name: str = "x") -> Array:
        """Return x checked and converted."""
        spec = self._spec
        return checks.rows(name, x, spec.n_in, self._dtype, spec.shape_text)

    def _data(self, x: object, y: object, sample_weight: object = None, origin: str = "") -> Rows:
        """Return x, y and the weights checked and converted; `origin` goes before their names."""
        array = self._rows(x, f"{origin}x")
        target, label = checks.targets(
            y, names.plain(self.loss), len(array), self._spec.n_y, self._dtype, f"{origin}y"
        )
        weight = checks.row_weights(
            sample_weight, len(array), self._dtype, f"{origin}sample_weight"
        )
        return Rows(array, target, label, weight)

    def _take_engine(self, n_rows: int, threads: int = 1, trains: bool = False) -> tuple[Plan, Any]:
        """Return an engine with room for n_rows and so many threads, for this call alone.

        Each call has an engine of its own, so that Python threads may share a network for passes
        that change no parameter.
        """
        wanted = (threads, self._spec.trainable if trains else None)
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                break
            plan = found[0]
            if plan.most_rows >= n_rows and plan.does == wanted:
                return found
        plan = Plan(self._spec, n_rows, threads, trains=trains)
        n_bytes = plan.length * self._dtype.itemsize
        require_room(f"work on blocks of {plan.capacity} rows", n_bytes)
        return plan, engine.Engine(plan, self._params, plan.vector() if trains else None)

    @contextlib.contextmanager
    def _pass_team(self, threads: int | None, n_rows: int) -> Iterator[Any]:
        """Yield a team for predictions or losses of so many rows; None to work alone."""
        wanted = pass_threads(threads, self._spec, n_rows)
        team = engine.Team(wanted, usable_cores()) if wanted > 1 else None
        try:
            yield team
        finally:
            if team is not None:
                team.end()

    def predict(self, x: npt.ArrayLike, threads: int | None = None) -> Array:
        """Return the outputs a^L of each row.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in)
            Finite numbers: an array, a memory map, or a table of pandas, polars or pyarrow.
        threads : int, optional
            As for `fit`.

        Returns
        -------
        array, (n_rows, n_out), of the network's dtype

        Raises
        ------
        TypeError, ValueError
            x is not numeric, has another number of columns, no rows, or holds NaN or infinity.
        OSError
            The temporary folder has no room for the rows of a memory map.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.mlp([3, 4, 2], output="softmax", loss="cross_entropy").predict([[1, 2, 3]]).shape
        (1, 2)
        """
        array = self._rows(x)
        with self._pass_team(threads, len(array)) as team:
            return self.outputs(array, team)

    def outputs(self, x: Array, team: Any = None) -> Array:
        """Return the outputs of rows that are already checked, by a team or alone."""
        out = np.empty((len(x), self._spec.n_out), self._dtype)
        found = self._take_engine(len(x), team.threads if team else 1)
        found[1].predict(x, out, team)
        self._idle.append(found)
        return out

    def evaluate(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        threads: int | None = None,
    ) -> float:
        """Return the mean loss over rows.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in)
            Finite numbers: an array, a memory map, or a table of pandas, polars or pyarrow. A map
            of the network's dtype is read in place; any other is converted by chunks into a
            temporary file. A table is converted column by column, its index left out.
        y : array_like or table, (n_rows, n_out)
            Targets; (n_rows,) for one output, or class indices (n_rows,) with cross_entropy.
        sample_weight : array_like or column, (n_rows,), optional
            Weights, at least 0: the loss is sum w l / sum w.
        threads : int, optional
            As for `fit`.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            An array is not numeric, of the wrong shape, not finite, or a label is out of range; a
            column of a table is not numeric or misses a value.
        OSError
            The temporary folder has no room for the rows of a memory map.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init="zeros")], loss="mse")
        >>> net.evaluate([[1.0], [2.0]], [1.0, 2.0])
        1.25
        """
        rows = self._data(x, y, sample_weight)
        with self._pass_team(threads, len(rows.x)) as team:
            return self.validation_loss(rows, team)

    def validation_loss(self, rows: Rows, team: Any = None) -> float:
        """Return the mean loss over rows that are already checked, by a team or alone."""
        found = self._take_engine(len(rows.x), team.threads if team else 1)
        found[1].set_data(*rows)
        loss: float = found[1].evaluate(team)
        found[1].release_data()
        self._idle.append(found)
        return loss

    def gradient(
        self, x: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, Gradients]:
        """Return (loss, gradients) of the mean loss over rows; the parameters stay as they are.

        delta^L = dL/dz^L, delta^l = (W^(l+1))^T delta^(l+1) * s'(z^l), dL/dW^l = delta^l
        (a^(l-1))^T, dL/db^l = sum over rows of delta^l.

        Parameters
        ----------
        x, y, sample_weight
            As for `evaluate`.

        Returns
        -------
        loss : float
        gradients : Gradients
            weights[l] (n_out, n_in), biases[l] (n_out,), inputs (n_rows, n_in), flat (n_params,).

        Raises
        ------
        TypeError, ValueError
            As for `evaluate`.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init="zeros")], loss="mse")
        >>> loss, grads = net.gradient([[2.0]], [1.0])
        >>> loss, grads.weights[0], grads.biases[0]
        (0.5, array([[-2.]], dtype=float32), array([-1.], dtype=float32))
        """
        rows = self._data(x, y, sample_weight)
        plan, flat, bound = self._gradient_engine(len(rows.x))
        inputs = np.empty_like(rows.x)
        bound.set_data(*rows)
        loss: float = bound.gradient(inputs)
        return loss, Gradients(plan, flat, inputs)

    def backward(self, x: npt.ArrayLike, output_gradient: npt.ArrayLike) -> Gradients:
        """Return the gradients of a loss that the caller computed, from its dL/da^L.

        Parameters
        ----------
        x : array_like, (n_rows, n_in)
            Finite numbers.
        output_gradient : array_like, (n_rows, n_out)
            dL/da^L of each row, finite; gradients are summed over rows, nothing is divided.

        Returns
        -------
        Gradients

        Raises
        ------
        TypeError, ValueError
            An array is not numeric, of the wrong shape or not finite.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.Network(1, [fb.Dense(1, init="zeros")])
        >>> net.backward([[2.0], [3.0]], [[1.0], [1.0]]).weights[0]
        array([[5.]], dtype=float32)
        """
        array = self._rows(x)
        spec = self._spec
        wanted = (spec.n_out, self._dtype, spec.shape_text, len(array))
        above = checks.rows("output_gradient", output_gradient, *wanted)
        plan, flat, bound = self._gradient_engine(len(array))
        inputs = np.empty_like(array)
        bound.backward(array, above, inputs)
        return Gradients(plan, flat, inputs)

    def _gradient_engine(self, n_rows: int) -> tuple[Plan, Array, Any]:
        """Return an engine that leaves its gradient in a vector of the caller's own."""
        plan = Plan(self._spec, n_rows, inputs=True)
        flat = plan.vector()
        return plan, flat, engine.Engine(plan, self._params, flat)
