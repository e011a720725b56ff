"""Sequential models of Keras 3 and networks, each made from the other.

A layer of ours is Dense, then LayerNormalization or BatchNormalization with epsilon=1e-5 (Keras's
default is 1e-3), an activation and Dropout, as far as it has them.
"""

from __future__ import annotations

import functools
from typing import Any

import fastbp as fb
from fastbp.integrations.assembly import Assembly, as_numpy, require_representable, split
from fastbp.integrations.packages import needed

# The function of keras.activations, or else the layer and its setting for alpha, or else a function
# that this module registers with Keras.
FUNCTIONS = {
    "identity": "linear",
    "exp": "exponential",
    **{name: name for name in ("sigmoid", "relu", "tanh", "softmax", "selu", "gelu", "silu")},
    **{name: name for name in ("softplus", "softsign", "hard_sigmoid", "hard_tanh", "mish")},
    "log_softmax": "log_softmax",
}
LAYERS = {"leaky_relu": ("LeakyReLU", "negative_slope"), "elu": ("ELU", "alpha")}
OWN = ("gelu_tanh", "sin")
ACTIVATIONS = (*FUNCTIONS, *LAYERS, *OWN)
# What functions of Keras with a parameter do by default.
DEFAULTS = {"leaky_relu": "leaky_relu(0.2)", "elu": "elu"}
NORM = {"axis": -1, "epsilon": 1e-5, "center": True, "scale": True}
# The settings of each layer that must be so; an axis is the last one of rows.
RULES: dict[str, dict[str, Any]] = {
    "Dense": {},
    "LayerNormalization": {**NORM, "rms_scaling": False},
    "BatchNormalization": {**NORM, "renorm": False},
    "Activation": {},
    "ReLU": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
    "LeakyReLU": {},
    "ELU": {},
    "Softmax": {"axis": -1},
    "Dropout": {"noise_shape": None},
    "Identity": {},
    "Flatten": {"data_format": "channels_last"},
}


def from_keras(model: Any, loss: str | None = None, seed: int | None = 0) -> fb.Network:
    """Return the network of a Sequential of Dense, normalisations, activations and Dropout.

    Regularizers, constraints and what the model was compiled with are not taken over.

    Parameters
    ----------
    model : keras.Sequential
        Built, of float32 or float64 throughout; Sequentials inside it are taken apart, Identity
        left out, and a Flatten before all others too (rows are flat here).
    loss : str, optional
        As for `Network`; None: cross_entropy for softmax, binary_cross_entropy for sigmoid, else
        mse.
    seed : int or None
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    ImportError
        Keras, or the package it works on, is not installed.
    TypeError, ValueError
        It is no Sequential, not built, or a layer of it has no counterpart here: the message says
        which.

    Examples
    --------
    >>> import keras
    >>> from fastbp.integrations.keras import from_keras
    >>> layers = [keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)]
    >>> from_keras(keras.Sequential([keras.Input((2,)), *layers]))
    <Network 2-3-1 (tanh, identity), mse, float32, 13 parameters>
    """
    keras = needed("from_keras", "keras", "keras")
    if not isinstance(model, keras.Sequential):
        raise TypeError(f"model must be a keras.Sequential, got {type(model).__name__}")
    assembly = Assembly()
    for place, layer in checked_layers(keras, model):
        kind = type(layer).__name__
        if kind == "Dense":
            take_dense(keras, assembly, place, layer)
        elif kind in ("LayerNormalization", "BatchNormalization"):
            take_norm(keras, assembly, place, layer)
        elif kind == "Dropout":
            assembly.dropout(place, layer.rate)
        elif kind == "Flatten":
            assembly.flatten(place)
        else:
            assembly.activation(place, activation_of(keras, place, layer))
    return assembly.network(loss, seed)


def to_keras(net: fb.Network) -> Any:
    """Return a Sequential of Keras that predicts what a network does; it is not compiled.

    gelu_tanh and sin are functions that `own_functions` registers with Keras, all others Keras's
    own.

    Parameters
    ----------
    net : Network
        Without skip connections, tied weights and activations of the user's own.

    Returns
    -------
    keras.Sequential

    Raises
    ------
    ImportError
        Keras, or the package it works on, is not installed.
    TypeError, ValueError
        It cannot be represented: the message says the layer and why.

    Examples
    --------
    >>> import fastbp as fb
    >>> from fastbp.integrations.keras import to_keras
    >>> [type(layer).__name__ for layer in to_keras(fb.mlp([2, 3, 1], "elu")).layers]
    ['Dense', 'ELU', 'Dense']
    """
    keras = needed("to_keras", "keras", "keras")
    net = require_representable(net, "a keras.Sequential", ACTIVATIONS, ("residual", "tied_to"))
    layers: list[Any] = [keras.Input((net.sizes[0],), dtype=net.dtype)]
    parameters: list[tuple[Any, dict[str, Any]]] = []
    for index, layer in enumerate(net.layers):
        dense = keras.layers.Dense(layer.units, use_bias=layer.bias, dtype=net.dtype)
        values = {"kernel": net.weights[index].T, "bias": net.biases[index]}
        own = [(dense, values)]
        if layer.norm:
            own.append((made_norm(keras, layer.norm, net.dtype), norm_values(net, index)))
        parameters += own
        layers += [made for made, _ in own]
        if layer.activation != "identity":
            layers.append(made_activation(keras, layer.activation, net.dtype))
        if layer.dropout:
            layers.append(keras.layers.Dropout(layer.dropout, dtype=net.dtype))
        for made, _ in own:
            made.trainable = layer.trainable
    model = keras.Sequential(layers)
    for made, values in parameters:
        for name, value in values.items():
            if value is not None:
                getattr(made, name).assign(as_numpy(value))
    return model


@functools.cache
def own_functions() -> dict[str, Any]:
    """Return gelu_tanh and sin, which Keras has no layers for, and register them with Keras.

    A saved model that has one is read after this call only.

    Examples
    --------
    >>> from fastbp.integrations.keras import own_functions
    >>> sorted(own_functions())
    ['gelu_tanh', 'sin']
    """
    keras = needed("own_functions", "keras", "keras")
    register = keras.saving.register_keras_serializable("fastbp")

    def gelu_tanh(z: Any) -> Any:
        return keras.ops.gelu(z, approximate=True)

    def sin(z: Any) -> Any:
        return keras.ops.sin(z)

    return {"gelu_tanh": register(gelu_tanh), "sin": register(sin)}


def flat(keras: Any, model: Any, before: str = "") -> list[tuple[str, Any]]:
    """Return (place, layer) of the layers of nested Sequentials, in their order."""
    if type(model).call is not keras.Sequential.call:
        raise ValueError(
            f"model must have the call of Sequential, got {type(model).__name__}'s own"
        )
    if not model.built:
        raise ValueError(
            f"model must be built (give it an Input), got {model.name!r}, which is not"
        )
    found = []
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.Sequential):
            found += flat(keras, layer, f"{before}{index}.")
        else:
            found.append((f"layer {before}{index} ({type(layer).__name__})", layer))
    return found


def checked_layers(keras: Any, model: Any) -> list[tuple[str, Any]]:
    """Return (place, layer) of the layers, all with a counterpart here and of one dtype."""
    found = flat(keras, model)
    for place, layer in found:
        check_layer(keras, place, layer)
        wanted = found[0][1].compute_dtype
        if layer.compute_dtype != wanted:
            raise ValueError(
                f"{place} must be of {wanted} like the layers before it, got {layer.compute_dtype}"
            )
    is_flat = not found or type(found[0][1]).__name__ == "Flatten"
    if not is_flat and len(model.input_shape) != 2:
        raise ValueError(f"model must take rows (n_rows, n_in), got shape {model.input_shape}")
    return found


def check_layer(keras: Any, place: str, layer: Any) -> None:
    """Refuse a layer whose class or settings have no counterpart here."""
    kind = type(layer).__name__
    if kind not in RULES or type(layer) is not getattr(keras.layers, kind):
        raise ValueError(f"{place} must be one of {', '.join(RULES)}, got {layer!r}")
    for setting, wanted in RULES[kind].items():
        # Settings that are newer than a version of Keras are as they were before.
        got = getattr(layer, setting, wanted)
        got = got[0] if isinstance(got, (list, tuple)) and len(got) == 1 else got
        if got != wanted and not (setting == "axis" and got == 1):
            raise ValueError(f"{place} must have {setting}={wanted!r}, got {got!r}")
    if layer.compute_dtype != layer.variable_dtype:
        raise ValueError(
            f"{place} must compute in the dtype of its variables ({layer.variable_dtype}), got "
            f"{layer.compute_dtype}"
        )


def take_dense(keras: Any, assembly: Assembly, place: str, layer: Any) -> None:
    """Take a Dense and its activation."""
    to_numpy = keras.ops.convert_to_numpy
    bias = to_numpy(layer.bias) if layer.use_bias else None
    assembly.dense(place, to_numpy(layer.kernel).T, bias, layer.trainable)
    assembly.activation(place, activation_of(keras, place, layer))


def take_norm(keras: Any, assembly: Assembly, place: str, layer: Any) -> None:
    """Take a LayerNormalization or a BatchNormalization."""
    names = {"scales": "gamma", "shifts": "beta"}
    norm = "layer"
    if type(layer).__name__ == "BatchNormalization":
        names |= {"means": "moving_mean", "variances": "moving_variance"}
        # Keras's momentum is the share that stays; the digits are those of 1 - 0.9.
        norm = f"batch({round(1 - layer.momentum, 12)!r})"
    arrays = {ours: keras.ops.convert_to_numpy(getattr(layer, k)) for ours, k in names.items()}
    assembly.norm(place, norm, layer.trainable, **arrays)


def activation_of(keras: Any, place: str, layer: Any) -> str:
    """Return our name of an activation layer, or of the activation that a layer has."""
    kind = type(layer).__name__
    if kind in ("Identity", "ReLU", "Softmax"):
        return kind.lower()
    for ours, (name, setting) in LAYERS.items():
        if kind == name:
            return f"{ours}({float(getattr(layer, setting))!r})"
    function = getattr(layer, "activation", None)
    if isinstance(function, keras.layers.Layer):
        inner = f"activation of {place}"
        check_layer(keras, inner, function)
        return activation_of(keras, inner, function)
    theirs = {getattr(keras.activations, name): ours for ours, name in FUNCTIONS.items()}
    theirs |= {getattr(keras.activations, name): ours for name, ours in DEFAULTS.items()}
    theirs |= {made: ours for ours, made in own_functions().items()}
    if function not in theirs:
        known = ", ".join([*FUNCTIONS.values(), *LAYERS])
        raise ValueError(
            f"{place} must have one of Keras's activations {known}, got "
            f"{getattr(function, '__name__', function)!r}"
        )
    return theirs[function]


def made_norm(keras: Any, norm: str, dtype: str) -> Any:
    """Return the normalisation layer of a norm's name."""
    name, momentum = split(norm)
    if name == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype)
    share = 0.1 if momentum is None else momentum
    return keras.layers.BatchNormalization(momentum=1 - share, epsilon=1e-5, dtype=dtype)


def norm_values(net: fb.Network, index: int) -> dict[str, Any]:
    """Return the parameters of a layer's norm by Keras's names."""
    return {
        "gamma": net.scales[index],
        "beta": net.shifts[index],
        "moving_mean": net.means[index],
        "moving_variance": net.variances[index],
    }


def made_activation(keras: Any, activation: str, dtype: str) -> Any:
    """Return the layer of an activation."""
    ours, alpha = split(activation)
    if ours in LAYERS:
        name, setting = LAYERS[ours]
        return getattr(keras.layers, name)(**{setting: alpha}, dtype=dtype)
    function = own_functions()[ours] if ours in OWN else FUNCTIONS[ours]
    return keras.layers.Activation(function, dtype=dtype)
