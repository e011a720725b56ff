"""The loss over a plane: `evaluate` at every point, directions of the lengths that are promised."""

import numpy as np
import pytest
from drawing import fitted, new_axes
from tolerance import assert_same_bits

import fastbp as fb
from fastbp.plot import landscape


@pytest.fixture(scope="module")
def made():
    net, x, y, _ = fitted()
    return net, x, y


def colours_at(ax, alpha, beta):
    """Return between which levels the picture has a point."""
    filled = next(one for one in ax.collections if hasattr(one, "levels") and one.filled)
    inside = [path.contains_point((alpha, beta)) for path in filled.get_paths()]
    place = inside.index(True)
    return filled.levels[place], filled.levels[place + 1]


def test_the_picture_says_what_evaluate_says(made):
    net, x, y = made
    directions = np.random.default_rng(1).normal(size=(2, net.params.size))
    ax = fb.plot.loss_surface(
        net, x, y, directions=directions, span=0.5, resolution=41, ax=new_axes()
    )
    moved = fb.mlp([2, 6, 1], "tanh", "sigmoid", "binary_cross_entropy")
    for alpha, beta in [(0.0, 0.0), (0.31, -0.2), (-0.45, 0.44), (0.1, 0.47)]:
        moved.params = net.params + alpha * directions[0] + beta * directions[1]
        low, high = colours_at(ax, alpha, beta)
        room = 0.1 * (high - low)
        assert low - room <= moved.evaluate(x, y) <= high + room


def test_every_point_of_the_grid_is_evaluated(made):
    net, x, y = made
    directions = np.random.default_rng(1).normal(size=(2, net.params.size))
    first, second = np.array([-1.0, 0.0, 2.0]), np.array([0.0, 0.5])
    found = landscape._losses(net, x, y, directions, first, second)
    moved = fb.mlp([2, 6, 1], "tanh", "sigmoid", "binary_cross_entropy")
    for i, beta in enumerate(second):
        for j, alpha in enumerate(first):
            moved.params = net.params + alpha * directions[0] + beta * directions[1]
            assert found[i, j] == moved.evaluate(x, y)
    assert found[0, 1] == net.evaluate(x, y)


def directions_of(net, normalise, seed=0):
    """Return two drawn directions, each as the weights and other parameters of a network."""
    plane = landscape._plane_of_directions(net, None, normalise, seed, 1.0)
    parts = []
    for direction in plane.directions:
        other = fb.Network(net.sizes[0], net.layers, net.loss, net.dtype)
        other.params = direction
        parts.append(other)
    return parts


def test_directions_have_the_lengths_of_the_units_weights():
    net = fb.mlp([5, 7, 3], "tanh", dtype="float64", seed=4)
    for one in directions_of(net, "filter"):
        for drawn, weight in zip(one.weights, net.weights, strict=True):
            wanted = np.linalg.norm(weight, axis=1)
            np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), wanted, rtol=1e-12)
        assert not any(bias.any() for bias in one.biases)


def test_directions_have_the_lengths_of_the_layers_weights():
    net = fb.mlp([5, 7, 3], "tanh", dtype="float64", seed=4)
    for one in directions_of(net, "layer"):
        rows = [np.linalg.norm(drawn, axis=1) for drawn in one.weights]
        for drawn, weight, row in zip(one.weights, net.weights, rows, strict=True):
            np.testing.assert_allclose(np.linalg.norm(drawn), np.linalg.norm(weight), rtol=1e-12)
            assert not np.allclose(row, np.linalg.norm(weight, axis=1), rtol=1e-3)


def test_directions_can_be_left_as_drawn():
    net = fb.mlp([50, 70, 3], "tanh")
    drawn = np.concatenate([w.ravel() for w in directions_of(net, "none")[0].weights])
    assert abs(drawn.std() - 1) < 0.05


def test_norms_and_tied_weights_are_moved_once_or_not_at_all():
    layers = [
        fb.Dense(4, "tanh", norm="batch"),
        fb.Dense(4, "tanh"),
        fb.Dense(4, tied_to=1, transposed=True),
    ]
    net = fb.Network(4, layers, dtype="float64")
    for one in directions_of(net, "filter"):
        for part in (one.scales[0], one.shifts[0], one.means[0], one.variances[0]):
            assert not part.any()
        wanted = np.linalg.norm(net.weights[1], axis=1)
        np.testing.assert_allclose(np.linalg.norm(one.weights[1], axis=1), wanted, rtol=1e-12)


def test_the_seed_draws_the_directions():
    net = fb.mlp([5, 7, 3])
    same = [directions_of(net, "filter", seed)[0].params for seed in (3, 3, 4)]
    assert_same_bits(same[0], same[1], "direction")
    assert (same[0] != same[2]).any()
    first, second = directions_of(net, "filter")
    assert (first.params != second.params).any()


def test_the_plane_of_a_path_has_all_of_it(made):
    net, x, y = made
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(net.params.size, 2)))[0].T
    steps = np.stack([np.linspace(3, 0, 7), np.sin(np.linspace(0, 6, 7)) / 2], axis=1)
    path = net.params.astype(np.float64) + steps @ basis
    plane = landscape._plane_of_path(net, path)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    # The path lies in the plane, so that nothing of it is lost.
    back = net.params + plane.path @ plane.directions
    np.testing.assert_allclose(back, path, atol=1e-6)
    ax = fb.plot.loss_surface(net, x, y, path=path, resolution=9, ax=new_axes())
    (line,) = [one for one in ax.lines if one.get_label() == "path"]
    drawn = np.abs(line.get_xydata())
    np.testing.assert_allclose(drawn, np.abs(plane.path), atol=1e-9)
    for (low, high), column in zip((ax.get_xlim(), ax.get_ylim()), plane.path.T, strict=True):
        assert low < column.min() <= column.max() < high
        assert low < 0 < high
    assert ax.get_xlabel().endswith("% of the path)")


def test_a_straight_path_has_room_beside_it(made):
    net, x, y = made
    path = net.params + np.linspace(2, 0, 5)[:, np.newaxis]
    ax = fb.plot.loss_surface(net, x, y, path=path, resolution=5, ax=new_axes())
    low, high = ax.get_ylim()
    assert high - low > 0.1
    assert ax.get_xlabel() == "direction 1 (100 % of the path)"


def test_the_network_is_marked_in_the_middle_with_its_loss(made):
    net, x, y = made
    ax = fb.plot.loss_surface(net, x, y, resolution=5, span=2, ax=new_axes())
    mark = ax.lines[-1]
    assert mark.get_xydata().tolist() == [[0, 0]]
    assert mark.get_label() == f"loss {net.evaluate(x, y):.3g}"
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 2), (-2, 2))


class Stopped(BaseException):
    """Comes in the middle, as Ctrl-C does."""


def test_the_network_stays_as_it_is_when_it_is_interrupted(made, monkeypatch):
    net, x, y = made
    before, calls = net.params.copy(), []
    found = fb.Network.evaluate

    def interrupted(network, *given):
        calls.append(network)
        if len(calls) > 3:
            raise Stopped
        return found(network, *given)

    monkeypatch.setattr(fb.Network, "evaluate", interrupted)
    with pytest.raises(Stopped):
        fb.plot.loss_surface(net, x, y, ax=new_axes())
    assert_same_bits(net.params, before, "params")


def test_losses_that_span_decades_have_levels_in_powers():
    net = fb.Network(2, [fb.Dense(1, init="constant(1)")])
    x, y = np.eye(2), [1.01, 1.0]
    ax = fb.plot.loss_surface(net, x, y, resolution=9, ax=new_axes())
    filled = next(one for one in ax.collections if hasattr(one, "levels"))
    ratios = filled.levels[1:] / filled.levels[:-1]
    np.testing.assert_allclose(ratios, ratios[0])


def test_places_without_a_finite_loss_are_left_out():
    net = fb.Network(1, [fb.Dense(1, "exp", init="constant(1)")], loss="mse")
    ax = fb.plot.loss_surface(net, [[1.0]], [1.0], span=200, resolution=9, ax=new_axes())
    filled = next(one for one in ax.collections if hasattr(one, "levels"))
    assert np.isfinite(filled.levels).all()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"span": 0}, ValueError, "span must be a finite number, above 0, got 0.0"),
        ({"resolution": 2}, ValueError, "resolution must be at least 3, got 2"),
        ({"normalise": "unit"}, ValueError, "normalise must be one of 'filter', 'layer', 'none', "),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        (
            {"directions": np.zeros(25)},
            ValueError,
            r"directions must have shape \(2, 25\), got shap",
        ),
        (
            {"directions": np.full((2, 25), np.nan)},
            ValueError,
            "directions must be finite, got nan",
        ),
        (
            {"path": np.zeros((4, 3))},
            ValueError,
            r"path must have shape \(n, 25\) with n at least 2",
        ),
        ({"path": np.full((4, 25), np.inf)}, ValueError, "path must be finite, got inf"),
        (
            {"path": np.zeros((4, 25)), "directions": np.zeros((2, 25))},
            ValueError,
            "directions must be None where path is given, got both",
        ),
    ],
)
def test_bad_arguments_are_refused(made, given, error, message):
    with pytest.raises(error, match=f"^{message}"):
        fb.plot.loss_surface(*made, **given)


def test_a_path_that_does_not_move_is_refused(made):
    net, x, y = made
    with pytest.raises(ValueError, match=r"^path must hold parameters other than net.params, got"):
        fb.plot.loss_surface(net, x, y, path=[net.params, net.params])
