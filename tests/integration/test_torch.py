"""Sequential models of PyTorch to networks and back, by what they predict."""

import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from exchange import (
    arguments,
    both_dtypes,
    distance,
    every_activation,
    layered,
    random_network,
    rows,
)
from structures import STRUCTURES, structure
from tolerance import EXCHANGED, assert_same_bits

import fastbp as fb

pytest.importorskip("torch")

import torch
from torch import nn

from fastbp.integrations.torch import Exp, Sin, from_torch, to_torch


def predictions(model, x):
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


@both_dtypes
@every_activation
def test_every_activation_goes_there_and_back(activation, dtype):
    net = layered(activation, dtype)
    model = to_torch(net)
    x = rows(net)
    assert distance(predictions(model, x), net.predict(x)) <= EXCHANGED[dtype]
    back = from_torch(model, loss=net.loss)
    assert arguments(back) == arguments(net)
    assert_same_bits(back.params, net.params)


def test_random_networks_agree():
    worst = {"float32": 0.0, "float64": 0.0}
    for seed in range(60):
        dtype = ("float32", "float64")[seed % 2]
        net = random_network(seed, dtype)
        if any(layer.residual or layer.transposed for layer in net.layers):
            continue
        x = rows(net, seed)
        model = to_torch(net)
        worst[dtype] = max(worst[dtype], distance(predictions(model, x), net.predict(x)))
        back = from_torch(model, net.loss)
        assert arguments(back) == arguments(net)
        assert_same_bits(back.params, net.params)
    assert 0 < worst["float32"] <= EXCHANGED["float32"]
    assert 0 < worst["float64"] <= EXCHANGED["float64"]


# Modules with the settings that they may have, and our name.
ACTIVATIONS = {
    "identity": nn.Identity(),
    "sigmoid": nn.Sigmoid(),
    "relu": nn.ReLU(inplace=True),
    "tanh": nn.Tanh(),
    "softmax": nn.Softmax(dim=-1),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu(0.3)": nn.LeakyReLU(0.3),
    "leaky_relu(0.0)": nn.LeakyReLU(0),
    "elu": nn.ELU(),
    "elu(0.5)": nn.ELU(alpha=0.5),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(threshold=50),
    "softsign": nn.Softsign(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_tanh": nn.Hardtanh(),
    "mish": nn.Mish(),
    "exp": Exp(),
    "sin": Sin(),
    "log_softmax": nn.LogSoftmax(1),
}


@both_dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_network_predicts_what_the_model_does(name, dtype):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 9), ACTIVATIONS[name], nn.Linear(9, 3))
    net = from_torch(model.to(getattr(torch, dtype)))
    assert [layer.activation for layer in net.layers] == [name, "identity"]
    x = rows(net)
    assert distance(net.predict(x), predictions(model, x)) <= EXCHANGED[dtype]


def test_softplus_of_the_default_threshold_differs_by_what_is_documented():
    model = nn.Sequential(nn.Linear(1, 1, dtype=torch.float64), nn.Softplus())
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.fill_(0)
    z = np.linspace(15, 30, 301).reshape(-1, 1)
    off = np.abs(from_torch(model).predict(z) - predictions(model, z))
    assert 1e-9 < off.max() < 2.1e-9


@both_dtypes
def test_softplus_of_a_model_made_here_agrees_far_out(dtype):
    net = fb.Network(1, [fb.Dense(1, "softplus", init=[[1.0]])], dtype=dtype)
    x = np.linspace(-50, 80, 1301, dtype=dtype).reshape(-1, 1)
    off = np.abs(predictions(to_torch(net), x) - net.predict(x)) / net.predict(x)
    assert off.max() <= EXCHANGED[dtype]


def trained(dtype="float64"):
    """Return a model with running statistics, frozen modules and dropout, in training mode."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Sequential(
            nn.Linear(6, 9), nn.BatchNorm1d(9, momentum=0.25), nn.Tanh(), nn.Dropout(0.3)
        ),
        nn.Identity(),
        nn.Sequential(nn.Linear(9, 9, bias=False), nn.LayerNorm(9), nn.Sequential(nn.GELU())),
        nn.Linear(9, 3),
        nn.Softmax(1),
    ).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    model(3 + 2 * torch.randn(64, 6, dtype=getattr(torch, dtype)))
    model[3].requires_grad_(False)
    return model


@both_dtypes
def test_nested_modules_norms_and_frozen_ones_come_over(dtype):
    model = trained(dtype)
    net = from_torch(model, seed=4)
    assert (net.loss, net.seed) == ("cross_entropy", 4)
    found = [(a.activation, a.norm, a.dropout, a.bias, a.trainable) for a in net.layers]
    assert found == [
        ("tanh", "batch(0.25)", 0.3, True, True),
        ("gelu", "layer", 0.0, False, True),
        ("softmax", None, 0.0, True, False),
    ]
    x = rows(net)
    assert model.training
    assert distance(net.predict(x), predictions(model.eval(), x)) <= EXCHANGED[dtype]
    back = to_torch(net)
    flags = [parameter.requires_grad for parameter in back.parameters()]
    assert flags == [True] * 7 + [False] * 2
    for got, want in zip(back.state_dict().values(), model.state_dict().values(), strict=True):
        assert got.ndim == 0 or torch.equal(got, want)


def test_weights_that_modules_share_are_tied_and_share_again():
    first = nn.Linear(5, 5)
    second, third = nn.Linear(5, 5), nn.Linear(5, 5, bias=False)
    second.weight = third.weight = first.weight
    model = nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), third, nn.Linear(5, 5))
    net = from_torch(model)
    assert [layer.tied_to for layer in net.layers] == [None, 0, 0, None]
    x = rows(net)
    assert distance(net.predict(x), predictions(model, x)) <= EXCHANGED["float32"]
    back = to_torch(net)
    assert back[0].weight is back[2].weight
    assert back[0].weight is back[4].weight
    assert back[5].weight is not back[0].weight
    assert arguments(from_torch(back)) == arguments(net)


@pytest.mark.parametrize("frozen", [(True, False), (False, True), (True, True)])
def test_a_tied_layer_is_frozen_by_its_own_parameters(frozen):
    layers = [fb.Dense(4, trainable=not frozen[0])]
    layers.append(fb.Dense(4, tied_to=0, trainable=not frozen[1]))
    net = fb.Network(4, layers)
    back = from_torch(to_torch(net))
    assert [layer.trainable for layer in back.layers] == [not flag for flag in frozen]


@pytest.mark.parametrize("output", ["identity", "softmax", "sigmoid", "exp"])
def test_the_loss_is_that_of_the_output_or_the_given_one(output):
    net = from_torch(to_torch(fb.mlp([2, 3, 2], output=output)))
    wanted = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
    assert net.loss == wanted.get(output, "mse")
    assert from_torch(to_torch(net), loss="huber(0.5)").loss == "huber(0.5)"


def test_gradients_agree_with_the_models():
    model = trained().eval()
    net = from_torch(model, loss="mse")
    x = rows(net)
    above = np.cos(np.arange(3 * len(x), dtype=float)).reshape(-1, 3)
    model.requires_grad_(True)
    model(torch.from_numpy(x)).backward(torch.from_numpy(above))
    grads = net.backward(x, above)
    theirs = [parameter.grad.numpy() for parameter in model.parameters()]
    ours = [grads.weights[0], grads.biases[0], grads.weights[1], grads.weights[2], grads.biases[2]]
    for got, want in zip(ours, [theirs[i] for i in (0, 1, 4, 7, 8)], strict=True):
        assert distance(got, want) <= 1e-12


def test_a_model_is_copied_not_shared():
    net = fb.mlp([3, 4, 2])
    model = to_torch(net)
    back = from_torch(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    assert_same_bits(net.params, fb.mlp([3, 4, 2]).params)
    assert_same_bits(back.params, net.params)


def test_a_model_is_pickled_saved_and_predicts_in_training_mode_too():
    net = fb.mlp([3, 4, 2], "sin", "exp")
    model = to_torch(net)
    assert not model.training
    x = rows(net)
    for copy in (pickle.loads(pickle.dumps(model)), model.train()):
        assert_same_bits(predictions(copy, x), predictions(model, x))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    to_torch(fb.mlp([3, 4, 2], "sin", "exp", seed=1)).load_state_dict(torch.load(file))
    import fastbp.integrations.torch as module

    with pytest.raises(AttributeError, match="no attribute 'Cos'"):
        module.Cos  # noqa: B018


def test_torchs_random_numbers_are_left_alone():
    torch.manual_seed(2)
    before = torch.get_rng_state()
    to_torch(layered("tanh", "float32"))
    assert torch.equal(torch.get_rng_state(), before)


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


def test_flatten_first_and_modules_by_name_are_taken():
    model = nn.Sequential(OrderedDict(flat=nn.Flatten(), first=nn.Linear(6, 2), act=nn.Tanh()))
    images = torch.randn(5, 2, 3)
    net = from_torch(model)
    want = predictions(model, images.numpy())
    assert distance(net.predict(images.numpy().reshape(5, 6)), want) <= EXCHANGED["float32"]


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
