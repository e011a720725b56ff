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


def test_flatten_first_and_modules_by_name_are_taken():
    model = nn.Sequential(OrderedDict(flat=nn.Flatten(), first=nn.Linear(6, 2), act=nn.Tanh()))
    images = torch.randn(5, 2, 3)
    net = from_torch(model)
    want = predictions(model, images.numpy())
    assert distance(net.predict(images.numpy().reshape(5, 6)), want) <= EXCHANGED["float32"]
