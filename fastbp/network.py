"""Network: a dense feed-forward network, made from a description or kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastbp import files
from fastbp.folding import fold_into
from fastbp.health import Health, health_of
from fastbp.initializers import initial_weight
from fastbp.learning import Learner
from fastbp.optimizers.optimizer import Optimizer
from fastbp.preprocessing import Preprocessor, Standardize
from fastbp.sides import check_sides, checked_sides, width
from fastbp.spec import Dense, Spec
from fastbp.stepping import Stepper

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastbp.explain import Trace


class Network(Stepper, Learner):
    """A dense feed-forward network trained by backpropagation.

    z^l = W^l a^(l-1) + b^l and a^l = s(z^l) for l = 1 .. L, with a^0 = x; predictions are a^L.

    Parameters
    ----------
    n_in : int or None
        Number of inputs, at least 1; None: what comes out of `inputs`, if they are fitted.
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
    inputs : Standardize, OneHot or Columns, optional
        Makes rows ready for the first layer: every method then takes rows and tables as they come.
        Standardize that is not fitted is fitted by the first `fit`.
    targets : Standardize, optional
        Brings targets of a regression (mse, mae, huber, log_cosh, quantile or a loss of your own,
        with output identity) to the scale that the network learns on: `fit` takes and `predict`
        gives them in their own unit. Losses and gradients are of the standardised ones.

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
        n_in: int | None,
        layers: Sequence[Dense],
        loss: str = "mse",
        dtype: str = "float32",
        seed: int | None = 0,
        inputs: Preprocessor | None = None,
        targets: Standardize | None = None,
    ) -> None:
        sides = checked_sides(inputs, targets)
        spec = Spec(width("n_in", n_in, inputs), layers, loss, dtype, seed)
        check_sides(spec, *sides)
        self._build(spec, None, sides)
        rng = np.random.default_rng(seed)
        for layer, n_in_layer, weight in zip(
            self.layers, self._spec.sizes[:-1], self.weights, strict=True
        ):
            if layer.tied_to is None:
                weight.T[...] = initial_weight(layer, n_in_layer, rng)
        for part in (*self.scales, *self.variances):
            if part is not None:
                part[...] = 1

    def folded(self) -> Network:
        """Return a network that predicts the same of the same rows, its standardisation in weights.

        `Standardize` of the inputs goes into the first layer, that of the targets into the last.
        Sums are rounded otherwise: with u half an epsilon and r the largest ``|mean| / scale``, by
        about u r more in a standardised input. Losses are of targets in their own unit then.
        `OneHot` and `Columns` stay as they are.

        Returns
        -------
        Network
            Another one, with a bias in these layers; `inputs` and `targets` are not standardised.

        Raises
        ------
        ValueError
            Nothing is fitted yet; the first layer has a skip connection or a weight that others
            are tied to, or the last one such an output or weight; or r is above 4,096 in float32
            or 2^41 in float64.

        Examples
        --------
        >>> import fastbp as fb
        >>> scaling = fb.Standardize().fit([[1.0], [3.0]])
        >>> net = fb.Network(1, [fb.Dense(1, init="constant(2)")], inputs=scaling)
        >>> net.predict([[5.0]]), net.folded().predict([[5.0]])
        (array([[6.]], dtype=float32), array([[6.]], dtype=float32))
        >>> net.folded().biases[0]
        array([-4.], dtype=float32)
        """
        network = Network.__new__(Network)
        fold_into(network, self)
        return network

    def explain(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        optimizer: str | Optimizer = "sgd",
        sample_weight: npt.ArrayLike | None = None,
        digits: int = 3,
        language: str = "en",
    ) -> Trace:
        """Return the working of one `train_step`: every figure, its formula, its numbers.

        Network and optimizer stay as they are. The figures are those of `fastbp.reference` in
        double precision, each compared with the compiled package's.

        Parameters
        ----------
        x, y, sample_weight
            As for `evaluate`: one row or a small batch.
        optimizer : str or Optimizer
            As for `train_step`: an object is explained in the state that it is in.
        digits : int
            Decimals of the numbers shown, 1 to 15.
        language : str
            "en" or "vi".

        Returns
        -------
        Trace

        Raises
        ------
        TypeError, ValueError
            As for `train_step`; digits or language are out of range.
        FloatingPointError
            The loss is not finite.
        AssertionError
            A figure is not what the compiled kernels compute.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
        >>> net.params = [0.5, 0.0, 0.8, 0.0]
        >>> trace = net.explain([[2.0]], [1.0], fb.SGD(0.1))
        >>> [step["shown"] for step in trace.to_dict()["steps"][:5]]
        ['1', '0.731', '0.585', '0.585', '0.086']
        """
        from fastbp.explain import explain

        return explain(self, x, y, optimizer, sample_weight, digits, language)

    def health(
        self, x: npt.ArrayLike, y: npt.ArrayLike, optimizer: str | Optimizer = "adam"
    ) -> Health:
        """Look at every layer on some rows: what it does, how it learns, and what to try if not.

        Nothing is changed: the optimizer's step is tried on a copy.

        Parameters
        ----------
        x, y
            As for `evaluate`; some hundred rows say enough.
        optimizer : str or Optimizer
            Whose next step is looked at, as for `train_step`: that of your fit, whose state goes
            on; the default is a first step of Adam with learning_rate 1e-3.

        Returns
        -------
        Health
            `diagnosis` in one line; `print` shows it with a table of all layers.

        Raises
        ------
        TypeError, ValueError
            As for `train_step`.

        Notes
        -----
        z, a, slopes and delta are taken from the kernels block by block, in some tens of megabytes
        for any number of rows (with norm="batch" the step takes all rows at once). Rules of thumb
        and their sources stand in docs/health.md.

        References
        ----------
        X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010, eq. 12-14. K. He et al., "Delving deep into rectifiers", ICCV 2015,
        eq. 9 and 13.

        Examples
        --------
        >>> import fastbp as fb
        >>> deep = fb.mlp([4, *[16] * 20, 1], hidden="sigmoid")
        >>> x, y = [[1, 0, 2, 1], [0, 1, 1, 2], [2, 2, 0, 1]], [0.0, 1.0, 2.0]
        >>> deep.health(x, y).findings[0].name
        'vanishing'
        """
        return health_of(self, self._data(x, y), optimizer)

    def save(self, path: files.StrPath) -> None:
        """Write the network and its metadata to a file, which `fastbp.load` reads.

        Parameters
        ----------
        path : str or path
            Destination; an existing file is replaced at once or not at all, and keeps its
            permissions. Of a symbolic link the target is replaced.

        Raises
        ------
        OSError
            The file cannot be written; the old one is whole.
        ValueError
            The metadata holds something that is not a JSON value, or description and metadata are
            past the limits of a file (see docs/format.md).

        Examples
        --------
        >>> import fastbp as fb, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.fastbp")
        >>> fb.mlp([2, 3, 1]).save(path)
        >>> fb.load(path)
        <Network 2-3-1 (relu, identity), mse, float32, 13 parameters>
        """
        files.write(path, self.file_contents())
