"""What does not go to PyTorch or come from it, and is refused by its place."""

import numpy as np
import pytest
from exchange import arguments
from structures import STRUCTURES, structure

import fastbp as fb

pytest.importorskip("torch")

import torch
from torch import nn

from fastbp.integrations.torch import from_torch, to_torch


class Twice(nn.Module):
    def forward(self, z):
        return 2 * z


class Other(nn.Sequential):
    def forward(self, z):
        return 2 * super().forward(z)


class MyLinear(nn.Linear):
    pass


def hooked(module):
    module.register_forward_hook(lambda module, args, output: 2 * output)
    return module


def half_frozen():
    module = nn.Linear(3, 3)
    module.bias.requires_grad_(False)
    return module


def sharing_bias():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.bias = first.bias
    return first, second


LINEAR = nn.Linear(3, 3)
NORM = nn.LayerNorm(3)
STRANGE = {
    "PReLU": ([nn.Linear(3, 3), nn.PReLU()], r"module 1 \(PReLU\) must be one of Linear, .*, got"),
    "Conv1d": ([nn.Conv1d(3, 3, 1)], r"module 0 \(Conv1d\) must be one of"),
    "own": ([LINEAR, Twice()], r"module 1 \(Twice\) must be one of"),
    "own Linear": ([MyLinear(3, 3)], r"module 0 \(MyLinear\) must be one of"),
    "CELU": ([LINEAR, nn.CELU()], r"module 1 \(CELU\) must be one of"),
    "ReLU6": ([LINEAR, nn.Sequential(nn.ReLU6())], r"module 1\.0 \(ReLU6\) must be one of"),
    "lazy": ([nn.LazyLinear(3)], r"module 0 \(LazyLinear\) must be one of"),
    "weight norm": (
        [nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))],
        r"module 0 \(ParametrizedLinear\) must be one of",
    ),
    "hook": ([hooked(nn.Linear(3, 3))], r"module 0 \(Linear\) must have no hooks"),
    "hook of a Sequential": ([hooked(nn.Sequential(LINEAR))], r"module 0 .* must have no hooks"),
    "own forward": ([Other(LINEAR)], r"model must have the forward of Sequential, got Other's own"),
    "softmax over rows": ([LINEAR, nn.Softmax(0)], r"module 1 \(Softmax\) must have dim=1, got"),
    "softmax of no dim": ([LINEAR, nn.Softmax()], r"\(Softmax\) must have dim=1, got"),
    "softplus beta": ([LINEAR, nn.Softplus(2)], r"\(Softplus\) must have beta=1\.0, got"),
    "softplus threshold": (
        [LINEAR, nn.Softplus(threshold=10)],
        r"\(Softplus\) must have threshold>=20\.0, got",
    ),
    "hardtanh": ([LINEAR, nn.Hardtanh(-2, 1)], r"\(Hardtanh\) must have min_val=-1\.0, got"),
    "negative slope": ([LINEAR, nn.LeakyReLU(-0.5)], r"alpha .* must be .* at least 0"),
    "negative alpha": ([LINEAR, nn.ELU(-0.5)], r"alpha .* must be .* at least 0"),
    "norm first": ([NORM, LINEAR], r"module 0 \(LayerNorm\) must come in the order dense, norm"),
    "norm after activation": (
        [LINEAR, nn.ReLU(), NORM],
        r"module 2 \(LayerNorm\) must come in the order .*, got norm after activation",
    ),
    "two norms": ([LINEAR, NORM, nn.LayerNorm(3)], r"module 2 .* got norm after norm"),
    "two activations": ([LINEAR, nn.ReLU(), nn.Tanh()], r"got activation after activation"),
    "activation first": ([nn.ReLU(), LINEAR], r"got activation after nothing"),
    "dropout first": ([nn.Dropout(), LINEAR], r"got dropout after nothing"),
    "dropout before activation": (
        [LINEAR, nn.Dropout(), nn.ReLU(), LINEAR],
        r"module 2 \(ReLU\) .*, got activation after dropout",
    ),
    "dropout last": ([LINEAR, nn.Dropout()], r"dropout of the last layer must be 0, got 0\.5"),
    "dropout of all": ([LINEAR, nn.Dropout(1.0), nn.Linear(3, 3)], r"dropout must be .* below 1"),
    "flatten late": ([LINEAR, nn.Flatten()], r"module 1 \(Flatten\) must come before all dense"),
    "sizes": ([LINEAR, nn.Linear(4, 3)], r"module 1 \(Linear\) must take the 3 outputs before it"),
    "epsilon": (
        [LINEAR, nn.LayerNorm(3, eps=1e-6)],
        r"\(LayerNorm\) must have eps=1e-05, got 1e-06",
    ),
    "norm without weight": (
        [LINEAR, nn.LayerNorm(3, elementwise_affine=False)],
        r"\(LayerNorm\) must have a weight and a bias",
    ),
    "norm without bias": (
        [LINEAR, nn.LayerNorm(3, bias=False)],
        r"\(LayerNorm\) must have a weight and a bias",
    ),
    "batch without weight": (
        [LINEAR, nn.BatchNorm1d(3, affine=False)],
        r"\(BatchNorm1d\) must have a weight and a bias",
    ),
    "batch without running": (
        [LINEAR, nn.BatchNorm1d(3, track_running_stats=False)],
        r"\(BatchNorm1d\) must have track_running_stats=True, got False",
    ),
    "batch without momentum": (
        [LINEAR, nn.BatchNorm1d(3, momentum=None)],
        r"\(BatchNorm1d\) must have a momentum, got None",
    ),
    "batch of another size": ([LINEAR, nn.BatchNorm1d(4)], r"must be of 3 units, got 4"),
    "half frozen": ([half_frozen()], r"must need gradients for all its parameters or none"),
    "half frozen layer": (
        [LINEAR, nn.LayerNorm(3).requires_grad_(False)],
        r"\(LayerNorm\) must be trainable like the dense layer before it",
    ),
    "shared bias": (sharing_bias(), r"must share no parameter but the weight of a Linear"),
    "shared module": ([LINEAR, nn.ReLU(), LINEAR], r"module 2 .* must share no parameter"),
    "shared norm": (
        [nn.Linear(3, 3), NORM, nn.Linear(3, 3), NORM],
        r"module 3 \(LayerNorm\) must share no parameter",
    ),
    "half precision": ([nn.Linear(3, 3).half()], r"must have parameters of float32 or float64"),
    "bfloat16": ([nn.Linear(3, 3).bfloat16()], r"must have parameters of float32 or float64"),
    "two dtypes": (
        [LINEAR, nn.Linear(3, 3).double()],
        r"module 1 .* must have parameters of float",
    ),
    "complex": ([nn.Linear(3, 3, dtype=torch.complex64)], r"must have parameters of float32 or"),
    "empty": ([], r"model must hold at least 1 dense layer, got none"),
    "no Linear": ([nn.Flatten(), nn.Identity()], r"model must hold at least 1 dense layer"),
}


@pytest.mark.parametrize(("modules", "message"), STRANGE.values(), ids=STRANGE)
def test_what_has_no_counterpart_is_refused(modules, message):
    with pytest.raises(ValueError, match=message):
        from_torch(nn.Sequential(*modules))


def test_what_is_no_sequential_is_refused():
    for wrong in (None, nn.Linear(3, 3), nn.ModuleList([nn.Linear(3, 3)]), nn.Sequential):
        with pytest.raises(TypeError, match=r"^model must be a torch\.nn\.Sequential, got"):
            from_torch(wrong)
    with pytest.raises(TypeError, match=r"^net must be a fastbp\.Network, got None"):
        to_torch(None)


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_go_there_or_are_refused_by_layer_and_argument(name):
    net = structure(fb, name)
    bad = next(
        (
            (index, argument)
            for index, layer in enumerate(net.layers)
            for argument in ("residual", "transposed")
            if getattr(layer, argument)
        ),
        None,
    )
    if bad is None:
        assert arguments(from_torch(to_torch(net), net.loss)) == arguments(net)
        return
    index, argument = bad
    with pytest.raises(
        ValueError, match=rf"^net must have .* {argument}=True in layers\[{index}\]"
    ):
        to_torch(net)


def test_a_custom_activation_is_refused():
    fb.register_activation("torchs_tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    with pytest.raises(
        ValueError, match=r"^net must have activations .* 'torchs_tanh' in layers\[0"
    ):
        to_torch(fb.mlp([2, 3, 1], "torchs_tanh"))
