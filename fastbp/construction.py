"""Ways to a network: from its sizes, from a file."""

from __future__ import annotations

from collections.abc import Sequence

from fastbp import checks, custom, files
from fastbp.network import Network
from fastbp.preprocessing import Preprocessor, Standardize
from fastbp.sides import checked_sides, width
from fastbp.spec import mlp_layers


def load(path: files.StrPath) -> Network:
    """Return the network that `Network.save` wrote.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Network

    Raises
    ------
    FileFormatError
        The file is not a fastbp model, or is damaged; or it has a name that is to be registered
        first (`register_activation`, `register_loss`).
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import fastbp as fb, tempfile, os
    >>> net = fb.mlp([2, 3, 1])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.fastbp")
    >>> net.save(path)
    >>> bool((fb.load(path).params == net.params).all())
    True
    """
    return network_of(files.read(path, only_params=True), files.as_path(path).name)


def network_of(contents: files.Contents, name: str) -> Network:
    """Return the network of what a file holds; messages call the file by the name.

    Raises
    ------
    FileFormatError
        As for `load`.
    """
    network = Network.__new__(Network)
    try:
        network._take_contents(contents)
    except custom.UnregisteredError as error:
        raise checks.FileFormatError(f"{name} {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise checks.FileFormatError(f"{name} is not a fastbp model: {error}") from None
    return network


def mlp(
    sizes: Sequence[int | None],
    hidden: str = "relu",
    output: str = "identity",
    loss: str = "mse",
    dtype: str = "float32",
    seed: int | None = 0,
    inputs: Preprocessor | None = None,
    targets: Standardize | None = None,
) -> Network:
    """Return a network of dense layers from its sizes.

    Parameters
    ----------
    sizes : list of int
        Inputs, hidden units layer by layer, outputs: at least 2 entries. The first may be None
        with `inputs` that are fitted.
    hidden, output : str
        Activation of the hidden layers and of the last one.
    loss, dtype, seed, inputs, targets
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
        As for `Network`.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.mlp([784, 128, 10], output="softmax", loss="cross_entropy")
    <Network 784-128-10 (relu, softmax), cross_entropy, float32, 101770 parameters>
    """
    if inputs is not None and isinstance(sizes, Sequence) and sizes and sizes[0] is None:
        checked_sides(inputs, targets)
        sizes = [width("sizes[0]", None, inputs), *sizes[1:]]
    n_in, layers = mlp_layers(sizes, hidden, output)
    return Network(n_in, layers, loss, dtype, seed, inputs, targets)
