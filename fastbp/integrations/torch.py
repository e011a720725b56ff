"""Sequential models of PyTorch and networks, each made from the other.

A layer of ours is Linear, then LayerNorm or BatchNorm1d, an activation and Dropout, as far as it
has them. Norms have PyTorch's default epsilon, 1e-5, which is ours.
"""

from __future__ import annotations

import functools
from typing import Any

import fastbp as fb
from fastbp.integrations.assembly import DTYPES, Assembly, as_numpy, require_representable, split
from fastbp.integrations.packages import needed

ALPHA = "alpha"
# The module of each activation, and what those of its settings are that change the value. torch has
# no modules for exp and sin: `Exp` and `Sin` of this module are.
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "identity": ("Identity", {}),
    "sigmoid": ("Sigmoid", {}),
    "relu": ("ReLU", {}),
    "tanh": ("Tanh", {}),
    "softmax": ("Softmax", {"dim": 1}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": ALPHA}),
    "elu": ("ELU", {"alpha": ALPHA}),
    "selu": ("SELU", {}),
    "gelu": ("GELU", {"approximate": "none"}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "silu": ("SiLU", {}),
    "softplus": ("Softplus", {"beta": 1.0, "threshold": 40.0}),
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("Hardsigmoid", {}),
    "hard_tanh": ("Hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    "mish": ("Mish", {}),
    "exp": ("Exp", {}),
    "sin": ("Sin", {}),
    "log_softmax": ("LogSoftmax", {"dim": 1}),
}
OWN = ("Exp", "Sin")
EPSILON = 1e-5
# From here on, softplus(z) - z is below 2.1e-9.
LEAST_THRESHOLD = 20.0


def from_torch(model: Any, loss: str | None = None, seed: int | None = 0) -> fb.Network:
    """Return the network of a Sequential of Linear, norms, activations and Dropout.

    Parameters
    ----------
    model : torch.nn.Sequential
        Of float32 or float64, on any device; Sequentials inside it are taken apart, Identity left
        out, and a Flatten before all others too (rows are flat here). Two Linear modules with one
        weight become tied layers; modules whose parameters need no gradient, frozen ones.
    loss : str, optional
        As for `Network`; None: cross_entropy for softmax, binary_cross_entropy for sigmoid, else
        mse. A model of logits wants its activation first: Sequential(model, Softmax(1)).
    seed : int or None
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    ImportError
        torch is not installed.
    TypeError, ValueError
        It is no Sequential, or a module of it has no counterpart here: the message says which.

    Examples
    --------
    >>> import torch
    >>> from fastbp.integrations.torch import from_torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> from_torch(model)
    <Network 2-3-1 (tanh, identity), mse, float32, 13 parameters>
    """
    torch = needed("from_torch", "torch", "torch")
    if not isinstance(model, torch.nn.Sequential):
        raise TypeError(f"model must be a torch.nn.Sequential, got {type(model).__name__}")
    assembly = Assembly()
    # The layer of each parameter that has come.
    layers: dict[int, int] = {}
    for name, module in flat(torch, model):
        place = f"module {name} ({type(module).__name__})"
        kind = kind_of(torch, place, module)
        refuse_hooks(place, module)
        if kind == "Linear":
            take_linear(assembly, place, module, layers)
        elif kind in ("LayerNorm", "BatchNorm1d"):
            take_norm(assembly, place, module, layers)
        elif kind == "Dropout":
            assembly.dropout(place, module.p)
        elif kind == "Flatten":
            assembly.flatten(place)
        else:
            assembly.activation(place, activation_of(place, module, kind))
    return assembly.network(loss, seed)


def to_torch(net: fb.Network) -> Any:
    """Return a Sequential of PyTorch that predicts what a network does, in evaluation mode.

    Frozen layers need no gradient there. exp and sin are modules of fastbp.integrations.torch, all
    others PyTorch's own. In training, BatchNorm1d keeps variances divided by n - 1, and a frozen
    one goes on to follow its batches.

    Parameters
    ----------
    net : Network
        Without skip connections, transposed weights and activations of the user's own.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    ImportError
        torch is not installed.
    TypeError, ValueError
        It cannot be represented: the message says the layer and why.

    Examples
    --------
    >>> import fastbp as fb
    >>> from fastbp.integrations.torch import to_torch
    >>> to_torch(fb.mlp([2, 3, 1], "tanh"))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """
    torch = needed("to_torch", "torch", "torch")
    net = require_representable(
        net, "a torch.nn.Sequential", MODULES, without=("residual", "transposed")
    )
    modules: list[Any] = []
    linear: list[Any] = []
    for index, layer in enumerate(net.layers):
        linear.append(made_linear(torch, net, index, linear))
        modules.append(linear[-1])
        if layer.norm:
            modules.append(made_norm(torch, net, index))
        if layer.activation != "identity":
            modules.append(made_activation(torch, layer.activation))
        if layer.dropout:
            modules.append(torch.nn.Dropout(layer.dropout))
    return torch.nn.Sequential(*modules).eval()


def flat(torch: Any, model: Any, before: str = "") -> list[tuple[str, Any]]:
    """Return (name, module) of the modules of nested Sequentials, in their order."""
    if type(model).forward is not torch.nn.Sequential.forward:
        raise ValueError(
            f"model must have the forward of Sequential, got {type(model).__name__}'s own"
        )
    refuse_hooks(f"module {before.rstrip('.')} (Sequential)" if before else "model", model)
    found = []
    for index, module in enumerate(model):
        if isinstance(module, torch.nn.Sequential):
            found += flat(torch, module, f"{before}{index}.")
        else:
            found.append((f"{before}{index}", module))
    return found


def kind_of(torch: Any, place: str, module: Any) -> str:
    """Return the name of a module's class if it is one that has a counterpart here."""
    kind = type(module)
    known = ["Linear", "LayerNorm", "BatchNorm1d", "Dropout", "Flatten"]
    known += [name for name, _ in MODULES.values() if name not in OWN]
    theirs = any(kind is getattr(torch.nn, name) for name in known)
    if not theirs and kind not in own_modules().values():
        raise ValueError(
            f"{place} must be one of {', '.join(dict.fromkeys([*known, *OWN]))}, got {module!r}"
        )
    return kind.__name__


def refuse_hooks(place: str, module: Any) -> None:
    """Refuse a module whose values may be others than those of its class."""
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(f"{place} must have no hooks, got one that may change its values")


def array_of(place: str, parameter: Any) -> Any:
    """Return a tensor as an array, which not every dtype of torch has."""
    name = str(parameter.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(f"{place} must have parameters of float32 or float64, got {name}")
    return parameter.detach().cpu().numpy()


def take_linear(assembly: Assembly, place: str, module: Any, layers: dict[int, int]) -> None:
    """Take a Linear; one whose weight has come before is tied to that layer."""
    source = layers.setdefault(id(module.weight), len(assembly))
    tied = None if source == len(assembly) else source
    own = [] if module.bias is None else [module.bias]
    own += [module.weight] if tied is None else []
    trainable = is_trainable(place, own or [module.weight])
    refuse_shared(place, [] if module.bias is None else [module.bias], layers, len(assembly))
    bias = None if module.bias is None else array_of(place, module.bias)
    assembly.dense(place, array_of(place, module.weight), bias, trainable, tied)


def take_norm(assembly: Assembly, place: str, module: Any, layers: dict[int, int]) -> None:
    """Take a LayerNorm or a BatchNorm1d whose settings are ours."""
    batch = type(module).__name__ == "BatchNorm1d"
    wanted = {"eps": EPSILON} | ({"track_running_stats": True} if batch else {})
    for setting, value in wanted.items():
        if getattr(module, setting) != value:
            raise ValueError(
                f"{place} must have {setting}={value!r}, got {getattr(module, setting)!r}"
            )
    if module.weight is None or module.bias is None or module.weight.ndim != 1:
        raise ValueError(f"{place} must have a weight and a bias for each unit, got {module!r}")
    if batch and module.momentum is None:
        raise ValueError(f"{place} must have a momentum, got None (a mean over all batches)")
    own = [module.weight, module.bias]
    refuse_shared(place, own, layers, len(assembly) - 1)
    arrays = {"scales": array_of(place, module.weight), "shifts": array_of(place, module.bias)}
    if batch:
        arrays |= {"means": array_of(place, module.running_mean)}
        arrays |= {"variances": array_of(place, module.running_var)}
    norm = f"batch({module.momentum!r})" if batch else "layer"
    assembly.norm(place, norm, is_trainable(place, own), **arrays)


def is_trainable(place: str, parameters: list[Any]) -> bool:
    """Return whether parameters need a gradient, all or none."""
    flags = {parameter.requires_grad for parameter in parameters}
    if len(flags) > 1:
        raise ValueError(f"{place} must need gradients for all its parameters or none, got both")
    return True in flags


def refuse_shared(place: str, parameters: list[Any], layers: dict[int, int], layer: int) -> None:
    """Refuse parameters other than weights of Linear that another module has too."""
    for parameter in parameters:
        if layers.setdefault(id(parameter), layer) != layer:
            raise ValueError(
                f"{place} must share no parameter but the weight of a Linear, got one of layer "
                f"{layers[id(parameter)]}"
            )


def activation_of(place: str, module: Any, kind: str) -> str:
    """Return our name of an activation module."""
    rule = ""
    for ours, (name, settings) in MODULES.items():
        if name != kind:
            continue
        wrong = [
            f"{setting}>={LEAST_THRESHOLD}" if setting == "threshold" else f"{setting}={wanted!r}"
            for setting, wanted in settings.items()
            if not agrees(setting, getattr(module, setting), wanted)
        ]
        if not wrong:
            alpha = [getattr(module, k) for k, wanted in settings.items() if wanted == ALPHA]
            return f"{ours}({alpha[0]!r})" if alpha else ours
        rule = wrong[0]
    raise ValueError(f"{place} must have {rule or 'a place after a Linear'}, got {module!r}")


def agrees(setting: str, got: Any, wanted: Any) -> bool:
    """Return whether a setting gives the values that the wanted one does."""
    if setting == "dim":
        return got in (1, -1)
    if setting == "threshold":
        return bool(got >= LEAST_THRESHOLD)
    return bool(wanted == ALPHA or got == wanted)


def made_linear(torch: Any, net: fb.Network, index: int, earlier: list[Any]) -> Any:
    """Return the Linear of a layer, with the weight of an earlier one where it is tied to that."""
    layer, weight = net.layers[index], net.weights[index]
    n_out, n_in = weight.shape
    # Without drawing weights, which would move torch's generator.
    module = torch.nn.utils.skip_init(
        torch.nn.Linear, n_in, n_out, bias=layer.bias, dtype=getattr(torch, net.dtype)
    )
    if layer.tied_to is None:
        module.weight.requires_grad_(layer.trainable)
        module.weight.data.copy_(torch.from_numpy(as_numpy(weight)))
    else:
        module.weight = earlier[layer.tied_to].weight
    if layer.bias:
        module.bias.requires_grad_(layer.trainable)
        module.bias.data.copy_(torch.from_numpy(as_numpy(net.biases[index])))
    return module


def made_norm(torch: Any, net: fb.Network, index: int) -> Any:
    """Return the LayerNorm or BatchNorm1d of a layer."""
    layer, dtype = net.layers[index], getattr(torch, net.dtype)
    values = [("weight", net.scales), ("bias", net.shifts)]
    name, momentum = split(str(layer.norm))
    if name == "layer":
        module = torch.nn.LayerNorm(layer.units, eps=EPSILON, dtype=dtype)
    else:
        module = torch.nn.BatchNorm1d(layer.units, EPSILON, momentum or 0.1, dtype=dtype)
        values += [("running_mean", net.means), ("running_var", net.variances)]
    for theirs, views in values:
        getattr(module, theirs).data.copy_(torch.from_numpy(as_numpy(views[index])))
    return module.requires_grad_(layer.trainable)


def made_activation(torch: Any, activation: str) -> Any:
    """Return the module of an activation."""
    ours, alpha = split(activation)
    name, settings = MODULES[ours]
    values = {key: alpha if wanted == ALPHA else wanted for key, wanted in settings.items()}
    kind = own_modules()[name] if name in OWN else getattr(torch.nn, name)
    return kind(**values)


@functools.cache
def own_modules() -> dict[str, Any]:
    """Return the modules that torch does not have, by name.

    Made when first asked for, because their class is torch's; `pickle` finds them as attributes of
    this module.
    """
    torch = needed("own_modules", "torch", "torch")

    def made(name: str, function: Any) -> Any:
        def forward(self: Any, z: Any) -> Any:
            return function(z)

        formula = f"a = {function.__name__}(z), element by element."
        body = {"forward": forward, "__module__": __name__, "__doc__": formula}
        return type(name, (torch.nn.Module,), body)

    return {"Exp": made("Exp", torch.exp), "Sin": made("Sin", torch.sin)}


def __getattr__(name: str) -> Any:
    """Return Exp and Sin."""
    if name in OWN:
        return own_modules()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
