"""Networks in the safetensors format, which holds arrays by name and no code.

``layers.0.weight`` (n_out, n_in), ``layers.0.bias``, and of a normalised layer ``layers.0.scale``,
``.shift`` and, with norm="batch", ``.mean`` and ``.variance`` (n_out,). A tied layer has no weight
of its own. The description of the network is JSON in the file's metadata, under `fastbp`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

import fastbp as fb
from fastbp.atomic import replace_file
from fastbp.files import StrPath, as_path
from fastbp.integrations.assembly import as_numpy
from fastbp.integrations.packages import needed

KEY = "fastbp"
VERSION = 1
DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64"}
# The name of each part in a file, and of its views in Network.
PARTS = {
    "weight": "weights",
    "bias": "biases",
    "scale": "scales",
    "shift": "shifts",
    "mean": "means",
    "variance": "variances",
}


def save_safetensors(net: fb.Network, path: StrPath) -> None:
    """Write a network, its description and its metadata to a safetensors file.

    Parameters
    ----------
    net : Network
    path : str or path
        Destination; an existing file is replaced at once or not at all.

    Raises
    ------
    ImportError
        safetensors is not installed.
    TypeError, ValueError
        `net` is no network or has preprocessing, `path` is no path, or the metadata holds something
        that is not JSON.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import fastbp as fb, os, tempfile
    >>> from fastbp.integrations.safetensors import load_safetensors, save_safetensors
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> save_safetensors(fb.mlp([2, 3, 1]), path)
    >>> load_safetensors(path)
    <Network 2-3-1 (relu, identity), mse, float32, 13 parameters>
    """
    package = needed("save_safetensors", "safetensors.numpy", "safetensors", "safetensors")
    if not isinstance(net, fb.Network):
        raise TypeError(f"net must be a fastbp.Network, got {net!r}")
    if net.inputs is not None or net.targets is not None:
        raise ValueError(
            "net must have neither inputs nor targets for a safetensors file, which holds weights "
            f"alone, got inputs {net.inputs!r} and targets {net.targets!r}; give net.folded(), or "
            "save to a file of fastbp's own"
        )
    contents = net.file_contents()
    header = {"version": VERSION, "network": contents.network, "metadata": contents.metadata}
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata must hold JSON values only: {error}") from None
    arrays = {name: as_numpy(view) for name, view in tensors(net).items()}
    replace_file(as_path(path), [package.save(arrays, {KEY: text})])


def load_safetensors(
    path: StrPath, into: fb.Network | None = None, names: Mapping[str, str] | None = None
) -> fb.Network:
    """Return the network that `save_safetensors` wrote, or fill one with the arrays of any file.

    Parameters
    ----------
    path : str or path
        The file.
    into : Network, optional
        Takes the arrays, which must be all of its own and no others; then the file needs no
        description, and may hold float16, float32 or float64. On an error it stays as it is.
    names : mapping, optional
        With `into`: the file's name of `layers.0.weight` and others, where it is not the same.

    Returns
    -------
    Network
        A new one, or `into`.

    Raises
    ------
    ImportError
        safetensors is not installed.
    FileFormatError
        The file is no safetensors file, is damaged, has no description or one of another network
        than its arrays, or does not fit `into`.
    TypeError, ValueError
        `path` is no path, `into` no network, or `names` has names that `into` does not have.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import fastbp as fb, numpy, os, safetensors.numpy, tempfile
    >>> from fastbp.integrations.safetensors import load_safetensors
    >>> path = os.path.join(tempfile.mkdtemp(), "other.safetensors")
    >>> arrays = {"fc.weight": numpy.ones((1, 2)), "fc.bias": numpy.zeros(1)}
    >>> safetensors.numpy.save_file(arrays, path)
    >>> names = {"layers.0.weight": "fc.weight", "layers.0.bias": "fc.bias"}
    >>> load_safetensors(path, into=fb.mlp([2, 1]), names=names).predict([[3.0, 4.0]])
    array([[7.]], dtype=float32)
    """
    package = needed("load_safetensors", "safetensors", "safetensors")
    source = as_path(path)
    if into is not None and not isinstance(into, fb.Network):
        raise TypeError(f"into must be a fastbp.Network, got {into!r}")
    chosen = checked_names(into, names)
    # For the system's error where there is no such file: the package's does not name it.
    source.open("rb").close()
    try:
        with package.safe_open(source, "np") as file:
            if into is None:
                return described(file)
            return filled(into, file, chosen)
    except package.SafetensorError as error:
        raise fb.FileFormatError(f"{source.name} is no safetensors file: {error}") from None
    except fb.FileFormatError as error:
        raise fb.FileFormatError(f"{source.name} {error}") from None


def tensors(net: fb.Network) -> dict[str, Any]:
    """Return every array of a network as a view, by its name in a file."""
    found = {}
    for index, layer in enumerate(net.layers):
        for part, views in PARTS.items():
            view = getattr(net, views)[index]
            if view is not None and not (part == "weight" and layer.tied_to is not None):
                found[f"layers.{index}.{part}"] = view
    return found


def shapes(n_in: int, layers: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a described network, by its name in a file."""
    found: dict[str, tuple[int, ...]] = {}
    for index, layer in enumerate(layers):
        units, norm = layer["units"], layer["norm"]
        parts = ["bias"] if layer["bias"] else []
        parts += ["scale", "shift"] if norm else []
        parts += ["mean", "variance"] if norm and norm.startswith("batch") else []
        if layer["tied_to"] is None:
            found[f"layers.{index}.weight"] = (units, n_in)
        found |= {f"layers.{index}.{part}": (units,) for part in parts}
        n_in = units
    return found


def checked_names(into: fb.Network | None, names: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the file's name of each array of `into`."""
    if names is None:
        names = {}
    if not isinstance(names, Mapping):
        raise TypeError(f"names must be a mapping of names to names, got {names!r}")
    if into is None:
        if names:
            raise ValueError("names must come with into, got into None")
        return {}
    own = tensors(into)
    unknown = [name for name in names if name not in own]
    if unknown:
        raise ValueError(f"names must have keys of the network ({', '.join(own)}), got {unknown}")
    return {name: names.get(name, name) for name in own}


def described(file: Any) -> fb.Network:
    """Return the network of a file's description, with the file's arrays."""
    text = (file.metadata() or {}).get(KEY)
    if text is None:
        raise fb.FileFormatError(
            "has no description of a network; give it one to fill, with into=network"
        )
    try:
        header = json.loads(text)
        if header["version"] != VERSION:
            raise fb.FileFormatError(
                f"must have a description of version {VERSION}, got {header['version']!r}"
            )
        network = header["network"]
        wanted = shapes(network["n_in"], network["layers"])
        # Before any memory is taken for what the description says.
        check_arrays(file, wanted, {name: name for name in wanted}, [network["dtype"]])
        net: fb.Network = fb.Network.__new__(fb.Network)
        params = np.zeros(sum(map(math.prod, wanted.values())), network["dtype"])
        state = {"spec": network, "metadata": dict(header["metadata"]), "params": params}
        net.__setstate__(state)
    except fb.FileFormatError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise fb.FileFormatError(f"describes no network here: {error}") from None
    return filled(net, file, {name: name for name in wanted})


def filled(net: fb.Network, file: Any, names: Mapping[str, str]) -> fb.Network:
    """Return the network with a file's arrays, all read before the first is taken."""
    own = tensors(net)
    check_arrays(file, {name: view.shape for name, view in own.items()}, names, DTYPES.values())
    read = {name: file.get_tensor(names[name]) for name in own}
    for name, view in own.items():
        view[...] = read[name]
    return net


def check_arrays(
    file: Any,
    wanted: Mapping[str, tuple[int, ...]],
    names: Mapping[str, str],
    dtypes: Collection[str],
) -> None:
    """Refuse a file whose arrays are not those that are wanted, without reading them."""
    here = set(file.keys())
    missing = [names[name] for name in wanted if names[name] not in here]
    if missing:
        raise fb.FileFormatError(f"must hold {', '.join(names.values())}, got no {missing[0]}")
    surplus = sorted(here - set(names.values()))
    if surplus:
        raise fb.FileFormatError(
            f"must hold no other arrays than {', '.join(names.values())}, got {surplus[0]} too"
        )
    for name, shape in wanted.items():
        entry = file.get_slice(names[name])
        got, dtype = tuple(entry.get_shape()), entry.get_dtype()
        if got != shape or DTYPES.get(dtype) not in dtypes:
            raise fb.FileFormatError(
                f"must hold {names[name]} of shape {shape} and {' or '.join(dtypes)}, got {got} "
                f"and {DTYPES.get(dtype, dtype)}"
            )
