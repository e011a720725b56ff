"""What a network does with its parameters as they are: predictions, losses, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastbp import checks
from fastbp._compiled import engine
from fastbp._compiled import team as compiled
from fastbp.checks import Array
from fastbp.folding import FoldedCopy, is_kept_folded
from fastbp.gradients import Gradients
from fastbp.plan import Plan
from fastbp.prepared import Prepared
from fastbp.preprocessing import GivenRows, Source, Standardize, StandardizedRows
from fastbp.room import require_room
from fastbp.rows import Rows
from fastbp.sides import NO_SIDES, Sides
from fastbp.spec import Spec
from fastbp.threads import pass_threads, usable_cores

if TYPE_CHECKING:
    import numpy.typing as npt


# Numbers of rows that predictions make ready at a time: they stay in the second cache.
READY_NUMBERS = 1 << 16
# Engines for other work that are kept.
MOST_OTHERS = 2
Found = TypeVar("Found")


class Passes(Prepared):
    """Parameters and all that uses them as they are; `Network` is this and learns."""

    def _build(self, spec: Spec, params: Array | None = None, sides: Sides = NO_SIDES) -> None:
        super()._build(spec, params, sides)
        # Folded copies that no call has at the moment; None: there are to be none.
        is_kept = is_kept_folded(spec, self._params.nbytes)
        self._copies: list[FoldedCopy] | None = [] if is_kept else None

    def _take_engine(self, n_rows: int, threads: int = 1, trains: bool = False) -> tuple[Plan, Any]:
        """Return an engine with room for n_rows and so many threads, for this call alone.

        Each call has an engine of its own, so that Python threads may share a network for passes
        that change no parameter.
        """
        wanted = (threads, self._spec.trainable if trains else None)
        others = []
        try:
            while self._idle:
                try:
                    found = self._idle.pop()
                except IndexError:
                    break
                if found[0].does != wanted:
                    others.append(found)
                elif found[0].most_rows >= n_rows:
                    return found
        finally:
            # Predictions and steps may take turns, as in control, and each finds its own again.
            if others:
                self._idle.extend(others[:MOST_OTHERS])
        plan = Plan(self._spec, n_rows, threads, trains=trains)
        n_bytes = plan.length * self._dtype.itemsize
        require_room(f"work on blocks of {plan.capacity} rows", n_bytes)
        return plan, engine.Engine(plan, self._params, plan.vector() if trains else None)

    def _led(
        self, threads: int | None, n_rows: int, work: Callable[..., Found], *given: Any
    ) -> Found:
        """Return what some work on so many rows does with a team, which comes last; None: alone."""
        wanted = pass_threads(threads, self._spec, n_rows)
        if wanted == 1:
            return work(*given, None)
        team = compiled.Team(wanted, usable_cores())
        try:
            return work(*given, team)
        finally:
            team.end()

    def predict(self, x: npt.ArrayLike, threads: int | None = None) -> Array:
        """Return the outputs a^L of each row; with `targets`, in their own unit.

        Where `inputs` are `Standardize`, ``|mean| / scale`` is at most 1.2 in every column and the
        parameters take at most 32 KB, scaling goes into the first layer's weights: rows are read
        as they come, and sums rounded otherwise than where `evaluate`, `gradient` and `fit`
        standardise them. A row has the same bits in every call. For each prediction that runs
        at the same time the network keeps twice its parameters' size, which files, pickles and
        copies leave out.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in)
            Finite numbers: an array, a memory map, or a table of pandas, polars or pyarrow; with
            `inputs`, what these take.
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
        if self._inputs is None:
            array = self._rows(x)
            # The shortest way for what is called most often, one row at a time.
            if pass_threads(threads, self._spec, len(array)) == 1:
                found = self.outputs(array)
            else:
                found = self._led(threads, len(array), self.outputs, array)
            return found if self._targets is None else self._in_unit(found)
        copy = self._take_copy()
        if copy is not None:
            assert self._copies is not None
            try:
                return self._in_unit(self._folded_outputs(copy.network, x, threads))
            finally:
                self._copies.append(copy)
        source = self._source(x)
        return self._in_unit(self._led(threads, source.n_rows, self._outputs_of, source))

    def _take_copy(self) -> FoldedCopy | None:
        """Return a folded copy that no other call has meanwhile, None where none may be used."""
        if self._copies is None or not isinstance(self._inputs, Standardize):
            return None
        self._require_fitted()
        scaling = self._inputs.scaling()
        if not scaling.is_near:
            return None
        try:
            found = self._copies.pop()
        except IndexError:
            found = FoldedCopy(Passes.__new__(Passes), self._spec)
        if found.follow(self._params, scaling):
            return found
        self._copies.append(found)
        return None

    def _folded_outputs(self, network: Passes, x: Any, threads: int | None) -> Array:
        """Return the outputs that a folded copy has of rows as they come."""
        spec = self._spec
        is_ready = type(x) is np.ndarray and x.dtype == self._dtype
        if is_ready and x.shape[1:] == (spec.n_in,) and len(x):
            array = checks.rows("x", x, spec.n_in, self._dtype, spec.shape_text)
            return self._led(threads, len(array), network.outputs, array)
        source = self._source(x)
        assert isinstance(source, StandardizedRows)
        given = GivenRows(source.numbers)
        return self._led(threads, source.n_rows, network._outputs_of, given)

    def _outputs_of(self, source: Source, team: Any) -> Array:
        """Return the outputs of rows that are made ready block by block."""
        n_rows, width, threads = source.n_rows, source.n_out, team.threads if team else 1
        out = np.empty((n_rows, self._spec.n_out), self._dtype)
        found = self._take_engine(n_rows, threads)
        size = min(n_rows, block_rows(width, threads))
        ready = np.empty((size, width), self._dtype)
        for start in range(0, n_rows, size):
            stop = min(start + size, n_rows)
            part = ready[: stop - start]
            source.fill(start, part)
            found[1].predict(part, out[start:stop], team)
        self._idle.append(found)
        return out

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
        """Return the mean loss over rows; with `targets`, of standardised ones.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in)
            With `inputs`, what these take; without, finite numbers: an array, a memory map, or a
            table of pandas, polars or pyarrow. A map of the network's dtype is read in place; any
            other, or one for `inputs`, is converted by chunks into a temporary file. A table is
            converted column by column, its index left out.
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
        return self._led(threads, len(rows.x), self.validation_loss, rows)

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

        With `inputs` or `targets`, all of it is of the numbers that these make of x and y.

        delta^L = dL/dz^L, delta^l = (W^(l+1))^T delta^(l+1) * s'(z^l), dL/dW^l = delta^l
        (a^(l-1))^T, dL/db^l = sum over rows of delta^l. The network keeps what this works
        in, a vector of the parameters' size among it, for the next call.

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
        return self.gradient_of(self._data(x, y, sample_weight))

    def gradient_of(self, rows: Rows) -> tuple[float, Gradients]:
        """Return (loss, gradients) of rows that are already checked."""
        found = self._take_gradient_engine(len(rows.x))
        plan, vector, bound = found
        inputs = np.empty_like(rows.x)
        bound.set_data(*rows)
        loss: float = bound.gradient(inputs)
        bound.release_data()
        gradients = Gradients(plan, vector.copy(), inputs)
        self._idle_gradients.append(found)
        return loss, gradients

    def backward(self, x: npt.ArrayLike, output_gradient: npt.ArrayLike) -> Gradients:
        """Return the gradients of a loss that the caller computed, from its dL/da^L.

        Parameters
        ----------
        x : array_like, (n_rows, n_in)
            As for `evaluate`.
        output_gradient : array_like, (n_rows, n_out)
            dL/da^L of each row, finite, where `targets` have not yet brought a^L to their own unit;
            gradients are summed over rows, nothing is divided.

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
        found = self._take_gradient_engine(len(array))
        plan, vector, bound = found
        inputs = np.empty_like(array)
        bound.backward(array, above, inputs)
        gradients = Gradients(plan, vector.copy(), inputs)
        self._idle_gradients.append(found)
        return gradients

    def _take_gradient_engine(self, n_rows: int) -> tuple[Plan, Array, Any]:
        """Return an engine that leaves gradients in a vector, which is between them."""
        while self._idle_gradients:
            try:
                found = self._idle_gradients.pop()
            except IndexError:
                break
            plan = found[0]
            if plan.most_rows >= n_rows and plan.does == (1, self._spec.trainable):
                return found
        plan = Plan(self._spec, n_rows, inputs=True)
        vector = plan.vector()
        return plan, vector, engine.Engine(plan, self._params, vector)


def block_rows(width: int, threads: int) -> int:
    """Return how many rows are made ready at a time: whole blocks, some for each thread."""
    blocks = max(READY_NUMBERS // (width * engine.BLOCK_ROWS), 1)
    return engine.BLOCK_ROWS * max(blocks, 2 * threads if threads > 1 else 1)
