"""Every optimizer against 50 steps of PyTorch's of the same name, recorded by make_trajectories."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import fastbp as fb
from fastbp import optimizers, reference

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "trajectories.npz")
TOLERANCE = 1e-10

BETAS = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4}
CASES = {
    "sgd": ("SGD", {"learning_rate": 0.3}),
    "sgd-decay": ("SGD", {"learning_rate": 0.3, "weight_decay": 0.02}),
    "sgd-momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "sgd-dampening": (
        "SGD",
        {"learning_rate": 0.2, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01},
    ),
    "sgd-nesterov": (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "adam": ("Adam", {"learning_rate": 0.05}),
    "adam-decay": ("Adam", {"learning_rate": 0.05, **BETAS, "weight_decay": 0.03}),
    "adamw": ("AdamW", {"learning_rate": 0.05}),
    "adamw-decay": ("AdamW", {"learning_rate": 0.05, **BETAS, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01}),
    "rmsprop-centered": (
        "RMSprop",
        {
            "learning_rate": 0.01,
            "alpha": 0.9,
            "epsilon": 1e-3,
            "momentum": 0.5,
            "centered": True,
            "weight_decay": 0.01,
        },
    ),
    "rmsprop-momentum": ("RMSprop", {"learning_rate": 0.02, "momentum": 0.7}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad-decay": (
        "Adagrad",
        {
            "learning_rate": 0.2,
            "rate_decay": 0.05,
            "weight_decay": 0.02,
            "initial_accumulator": 0.1,
            "epsilon": 1e-3,
        },
    ),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "adadelta-decay": (
        "Adadelta",
        {"learning_rate": 2.0, "rho": 0.8, "epsilon": 1e-3, "weight_decay": 0.02},
    ),
    "adamax": ("Adamax", {"learning_rate": 0.02}),
    "adamax-decay": (
        "Adamax",
        {**BETAS, "learning_rate": 0.05, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.02},
    ),
    "nadam": ("NAdam", {"learning_rate": 0.02}),
    "nadam-decay": (
        "NAdam",
        {
            "learning_rate": 0.02,
            **BETAS,
            "epsilon": 1e-3,
            "weight_decay": 0.02,
            "momentum_decay": 0.05,
        },
    ),
    "radam": ("RAdam", {"learning_rate": 0.05}),
    "radam-decay": ("RAdam", {"learning_rate": 0.05, **BETAS, "beta2": 0.9, "weight_decay": 0.02}),
    "lion": ("Lion", {"learning_rate": 0.01}),
    "lion-decay": (
        "Lion",
        {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.9, "weight_decay": 0.1},
    ),
    "rprop": ("Rprop", {"learning_rate": 0.01}),
    "rprop-settings": (
        "Rprop",
        {"learning_rate": 0.02, "shrink": 0.4, "grow": 1.5, "least": 1e-4, "most": 0.1},
    ),
    "clip-norm": ("Adam", {"learning_rate": 0.05, "clip_norm": 0.3}),
    "clip-value": ("SGD", {"learning_rate": 0.2, "momentum": 0.5, "clip_value": 0.1}),
    "l1": ("SGD", {"learning_rate": 0.2, "l1": 0.02}),
    "ema": ("Adam", {"learning_rate": 0.05, "ema": 0.9}),
}


def problem():
    """Return x, y and the first parameters, as make_trajectories draws them."""
    rng = np.random.default_rng(20)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    return x, y, rng.uniform(-1, 1, 13)


def test_every_trajectory_and_every_optimizer_has_a_case():
    assert set(GOLDEN.files) == set(CASES)
    assert {kind.lower() for kind, _ in CASES.values()} == set(optimizers.BY_NAME)


def test_every_setting_is_changed_by_a_case():
    for kind in optimizers.BY_NAME.values():
        cases = [settings for name, settings in CASES.values() if name == kind.__name__]
        for name, argument in inspect.signature(kind).parameters.items():
            if argument.kind is not argument.VAR_KEYWORD:
                values = {settings.get(name, argument.default) for settings in cases}
                assert values - {argument.default}, f"{kind.__name__} with another {name}"


def follow(package, name, one_step):
    """Return the parameters after each of 50 steps."""
    x, y, start = problem()
    kind, settings = CASES[name]
    net = package.mlp([2, 3, 1], "tanh", dtype="float64")
    optimizer = getattr(package, kind)(**settings)
    net.params = start if package is fb else start.tolist()
    found = []
    for _ in range(len(GOLDEN[name])):
        one_step(net, x, y, optimizer)
        found.append(np.array(optimizer.average if name == "ema" else net.params))
    return np.array(found)


def take_step(net, x, y, optimizer):
    net.train_step(x, y, optimizer)


def take_step_of_twin(net, x, y, optimizer):
    net.train_step(x.tolist(), y.tolist(), optimizer)


@pytest.mark.parametrize("name", CASES)
def test_steps_follow_pytorch(name):
    assert np.abs(follow(fb, name, take_step) - GOLDEN[name]).max() <= TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_steps_of_the_twin_follow_pytorch(name):
    assert np.abs(follow(reference, name, take_step_of_twin) - GOLDEN[name]).max() <= TOLERANCE
