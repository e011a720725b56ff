"""Dropout, normalisation, skip connections, frozen and tied layers against the twin and PyTorch."""

from pathlib import Path

import numpy as np
import pytest
from strategies import optimizer_pair, targets, twin_of
from structures import STRUCTURES, has_batch_statistics, moved, parameter_count, structure
from tolerance import assert_agree, assert_same_fit, assert_same_passes, assert_same_steps

import fastbp as fb
from fastbp import spec
from fastbp.reference.dropout import dropout_factors, philox

GOLDEN = Path(__file__).parents[1] / "golden" / "layers.npz"

every_structure = pytest.mark.parametrize("name", STRUCTURES)
every_dtype = pytest.mark.parametrize("dtype", spec.DTYPES)


def make(name, dtype, n_rows=12):
    """Return (network, twin, x, y) with parameters that are nowhere 0 or 1."""
    rng = np.random.default_rng(7)
    net = moved(structure(fb, name, dtype), rng)
    x = rng.uniform(-2, 2, (n_rows, net.sizes[0])).astype(dtype)
    return net, twin_of(net), x, targets(rng, net.loss, n_rows, net.sizes[-1], dtype)


@every_structure
def test_parameters_are_counted_and_start_alike(name):
    net = structure(fb, name)
    assert net.params.size == parameter_count(name)
    twin = twin_of(net)
    for part in ("weights", "biases", "scales", "shifts", "means", "variances"):
        for ours, theirs in zip(getattr(net, part), getattr(twin, part), strict=True):
            assert (ours is None) == (theirs is None)
            assert ours is None or ours.tolist() == theirs
    fresh = structure(fb.reference, name)
    for part in ("scales", "shifts", "means", "variances"):
        for ours, theirs in zip(getattr(net, part), getattr(fresh, part), strict=True):
            assert ours is None or ours.tolist() == theirs


@every_dtype
@every_structure
def test_passes_agree(name, dtype):
    net, twin, x, y = make(name, dtype)
    assert_same_passes(net, twin, x, y)
    weight = np.array([0, 1, 2.5, 0.25, 0, 7, 1, 1, 3, 0.125, 1, 2], dtype)
    assert_same_passes(net, twin, x, y, weight)
    gradients, theirs = net.gradient(x, y)[1], twin.gradient(x.tolist(), y.tolist())[1]
    for part in ("scales", "shifts"):
        for ours, want in zip(getattr(gradients, part), getattr(theirs, part), strict=True):
            assert (ours is None) == (want is None)
            if ours is not None:
                assert_agree(ours, want, dtype, part)


@every_dtype
@every_structure
def test_steps_agree(name, dtype):
    net, twin, x, y = make(name, dtype)
    weight = np.linspace(0, 2, len(x), dtype=dtype)
    batches = [(x[:4], y[:4], None), (x[4:], y[4:], weight[4:]), (x, y, None), (x[:1], y[:1], None)]
    assert_same_steps(net, twin, *optimizer_pair("sgd-momentum"), batches)


@every_dtype
@every_structure
@pytest.mark.parametrize("optimizer", ["sgd-nesterov-decay", "sgd-clip", "adam-settings"])
def test_fits_agree(name, dtype, optimizer):
    if optimizer == "adam-settings" and has_batch_statistics(name):
        # The bias below a batch norm has a gradient of 0, whose rounding error Adam divides by
        # itself; in float64 that stays below its epsilon.
        dtype = "float64"
    net, twin, x, y = make(name, dtype)
    weight = np.array([1, 1, 2.5, 0.25, 0, 7, 1, 1, 3, 0.125, 1, 2], dtype)
    assert_same_fit(
        net, twin, x, y, *optimizer_pair(optimizer), epochs=3, batch_size=5, sample_weight=weight
    )


@every_dtype
@every_structure
def test_fits_with_batches_of_several_blocks_agree(name, dtype):
    net, twin, x, y = make(name, dtype, 530)
    weight = np.linspace(0, 3, 530, dtype=dtype)
    assert_same_fit(
        net, twin, x, y, *optimizer_pair("sgd"), epochs=1, batch_size=520, sample_weight=weight
    )
    assert_same_passes(net, twin, x, y, weight)


@every_structure
def test_averages_agree(name):
    net, twin, x, y = make(name, "float64")
    optimizer, other = optimizer_pair("adam-ema")
    optimizer.epsilon = other.epsilon = 1e-3
    assert_same_fit(net, twin, x, y, optimizer, other, epochs=3, batch_size=5)
    assert_agree(optimizer.average, other.average, "float64", "average")


# Known answers of Random123, the code of the paper: counter, key, words.
PHILOX = [
    ([0] * 4, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 4, 0xFFFFFFFFFFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), PHILOX)
def test_the_generator_gives_the_papers_words(counter, key, words):
    assert " ".join(f"{word:08x}" for word in philox(counter, key)) == words


@pytest.mark.parametrize("seed", [0, 5, 2**63 + 11, 2**64 + 5])
@pytest.mark.parametrize("steps", [0, 3, 2**32 - 1, 2**32, 2**40 + 7])
def test_masks_are_the_twins_at_every_seed_and_step(seed, steps):
    # A layer whose outputs are all 1 and whose gradients are its mask: 1 x and a step of size 1.
    net = fb.Network(
        1,
        [fb.Dense(150, init="zeros", dropout=0.3), fb.Dense(1, init="zeros", bias=False)],
        dtype="float64",
        seed=seed,
    )
    net.biases[0][:] = 1
    optimizer = fb.SGD(1.0)
    optimizer.bind(net, net.params)
    optimizer.clock[0] = steps
    net.train_step([[0.0]], [-1.0], optimizer)
    mask = dropout_factors(0.3, seed % 2**64, steps, 0, 0, 150)
    # delta = 0 - (-1), and W <- W - delta a.
    assert_agree(-net.weights[1][0], mask, "float64")


def test_pytorch_trains_the_same():
    """Ten steps of PyTorch's own layers; see golden/make_layers.py."""
    golden = np.load(GOLDEN)
    for name in ("layer", "batch", "residual", "tied"):
        layers = {
            "layer": [fb.Dense(5, "tanh", norm="layer"), fb.Dense(2)],
            "batch": [fb.Dense(5, "tanh", norm="batch"), fb.Dense(2)],
            "residual": [fb.Dense(3, "tanh", residual=True), fb.Dense(2)],
            "tied": [fb.Dense(5, "tanh"), fb.Dense(3, tied_to=0, transposed=True)],
        }[name]
        net = fb.Network(3, layers, dtype="float64")
        parts = [net.weights[0], net.biases[0], net.biases[1]]
        parts += [net.weights[1]] if name != "tied" else []
        for part, begin in zip(parts, ["0", "1", "2", "3"], strict=False):
            part[...] = golden[f"{name}-begin-{begin}"]
        x, y = golden["x"], golden[f"{name}-y"]
        optimizer = fb.SGD(0.1)
        for _ in range(10):
            net.train_step(x, y, optimizer)
        parts += [net.scales[0], net.shifts[0]] if net.scales[0] is not None else []
        for part, end in zip(parts, ["0", "1", "2", "3", "4", "5"], strict=False):
            np.testing.assert_allclose(part, golden[f"{name}-end-{end}"], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(net.predict(x), golden[f"{name}-out"], rtol=1e-10)
        if name == "batch":
            np.testing.assert_allclose(net.means[0], golden["batch-mean"], rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(net.variances[0], golden["batch-variance"], rtol=1e-10)
