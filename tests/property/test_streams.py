"""Rows in blocks, in pieces over time, in blocks of neighbours, and of a part of an array."""

import itertools
import weakref

import numpy as np
import pytest
from refusal import refuse
from strategies import OPTIMIZERS, optimizer_pair
from structures import STRUCTURES, structure

import fastbp as fb
from fastbp import orders

N_ROWS = 61


def data(n_in=4, n_out=3, n_rows=N_ROWS):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n_rows, n_in))
    return x, rng.normal(size=(n_rows, n_out)), rng.uniform(0.5, 2, n_rows)


def cut(arrays, *places):
    """Return blocks of rows of the arrays between the places."""
    edges = [0, *places, len(arrays[0])]
    return [
        tuple(array[first:stop] for array in arrays) for first, stop in itertools.pairwise(edges)
    ]


CUTS = [(), (8,), (7, 9, 40), (1, 2, 3), (16, 32, 48), (60,), tuple(range(3, 61, 3))]


def trained(net, fit):
    history = fit(net)
    return net.params.tobytes(), history.loss, history.validation_loss


@pytest.mark.parametrize("batch_size", [1, 8, 16, 61, 100])
@pytest.mark.parametrize("places", CUTS, ids=str)
def test_a_stream_has_the_bits_of_one_array_however_it_is_cut(places, batch_size):
    x, y, _ = data()
    arguments = {"optimizer": "adam", "epochs": 3, "batch_size": batch_size}
    expected = trained(
        fb.mlp([4, 9, 3], "tanh"), lambda net: net.fit(x, y, shuffle=False, **arguments)
    )
    blocks = cut((x, y), *places)
    found = trained(fb.mlp([4, 9, 3], "tanh"), lambda net: net.fit_stream(blocks, **arguments))
    assert found == expected


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS])
def test_every_optimizer_takes_a_stream(name):
    x, y, weight = data()
    arguments = {"epochs": 2, "batch_size": 16, "validation": (x[:9], y[:9], weight[:9])}
    expected, found = (
        trained(
            fb.mlp([4, 9, 3], "tanh"),
            lambda net, fit=fit: fit(net, optimizer=optimizer_pair(name)[0], **arguments),
        )
        for fit in (
            lambda net, **more: net.fit(x, y, shuffle="none", sample_weight=weight, **more),
            lambda net, **more: net.fit_stream(lambda: iter(cut((x, y, weight), 5, 30)), **more),
        )
    )
    assert found == expected


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_kind_of_layer_takes_a_stream(name):
    net, other = structure(fb, name, "float32"), structure(fb, name, "float32")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N_ROWS, net.sizes[0]))
    y = rng.normal(size=(N_ROWS, net.sizes[-1]))
    if net.loss == "cross_entropy":
        y = rng.integers(0, net.sizes[-1], N_ROWS)
    net.fit(x, y, "adam", epochs=2, batch_size=16, shuffle=False)
    other.fit_stream(cut((x, y), 10, 37), "adam", epochs=2, batch_size=16)
    assert net.params.tobytes() == other.params.tobytes()


@pytest.mark.parametrize("schedule", [fb.Cosine(), fb.Warmup(1.5, fb.Linear()), lambda e: 0.1 / e])
def test_a_schedule_goes_along_a_stream(schedule):
    x, y, _ = data()
    arguments = {"epochs": 3, "batch_size": 8, "schedule": schedule}
    net, other = fb.mlp([4, 9, 3]), fb.mlp([4, 9, 3])
    history = net.fit(x, y, fb.SGD(0.05), shuffle=False, **arguments)
    blocks = cut((x, y), 13, 14, 50)
    streamed = other.fit_stream(blocks, fb.SGD(0.05), n_rows=N_ROWS, **arguments)
    assert net.params.tobytes() == other.params.tobytes()
    assert streamed.learning_rate == history.learning_rate


def test_class_indices_and_one_block_without_weights():
    x, _, weight = data()
    y = np.arange(N_ROWS) % 3
    weight[:20] = 1
    net, other = (fb.mlp([4, 9, 3], output="softmax", loss="cross_entropy") for _ in range(2))
    net.fit(x, y, "adam", epochs=2, batch_size=16, shuffle=False, sample_weight=weight)
    blocks = [(x[:20], y[:20]), (x[20:], y[20:], weight[20:])]
    other.fit_stream(blocks, "adam", epochs=2, batch_size=16)
    assert net.params.tobytes() == other.params.tobytes()


def test_a_team_takes_a_stream(monkeypatch):
    from bits.trained import force_teams

    force_teams(change=monkeypatch.setattr)
    x, y, _ = data()
    found = set()
    for threads in (1, 2, 3):
        net = fb.mlp([4, 9, 3], "tanh")
        net.fit_stream(cut((x, y), 7, 33), epochs=3, batch_size=16, threads=threads)
        found.add(net.params.tobytes())
    assert len(found) == 1


def test_shuffling_a_stream_takes_every_row_once_and_mixes_within_blocks():
    n_rows, seen = 300, []
    x = np.arange(n_rows, dtype=np.float64)[:, np.newaxis]

    def note(training):
        # With W = 0 and a rate of 1 the step adds the row's x to W: the loss of y = x tells it.
        seen.append(float(training.network.params[0]))
        training.network.params[:] = 0

    net = fb.Network(1, [fb.Dense(1, init="zeros", bias=False)], dtype="float64")
    blocks = [(x[:100], np.ones(100)), (x[100:], np.ones(200))]
    net.fit_stream(
        blocks, fb.SGD(1.0), batch_size=1, shuffle=True, callbacks=fb.EverySteps(1, note)
    )
    assert sorted(seen) == x[:, 0].tolist()
    assert sorted(seen[:100]) == seen[:0] + x[:100, 0].tolist()
    assert seen[:100] != sorted(seen[:100])
    assert seen[100:] != sorted(seen[100:])


def test_a_divergence_within_a_stream_goes_back_to_the_last_finite_step():
    x, y, _ = data()
    x = x.copy()
    blocks = cut((x, y), 10, 20, 40)
    net = fb.mlp([4, 9, 3], "tanh", dtype="float64")
    expected = fb.mlp([4, 9, 3], "tanh", dtype="float64")
    expected.fit(x[:40], y[:40], fb.SGD(0.1), epochs=1, batch_size=8, shuffle=False)
    blocks[3][1][0] = 1e300  # its squared difference overflows
    with pytest.warns(RuntimeWarning, match="loss became inf at epoch 1, step 6 "):
        history = net.fit_stream(blocks, fb.SGD(0.1), batch_size=8)
    assert history.stop_reason == "diverged"
    # The parameters that the last finite loss was taken of: before the fifth step's update.
    before = fb.mlp([4, 9, 3], "tanh", dtype="float64")
    before.fit(x[:32], y[:32], fb.SGD(0.1), epochs=1, batch_size=8, shuffle=False)
    assert net.params.tobytes() == before.params.tobytes() != expected.params.tobytes()


BLOCK = (np.zeros((2, 4)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("blocks", "more", "error", "message"),
    [
        (5, {}, TypeError, "^blocks must be an iterable of"),
        ([], {}, ValueError, "^blocks must give at least 1 rows an epoch, got 0$"),
        ([BLOCK[0]], {}, ValueError, r"^blocks must hold \(x, y\) or .*, got an array"),
        ([(*BLOCK, None, 1)], {}, ValueError, r"^blocks must hold \(x, y\)"),
        ([(BLOCK[0][:, :2], BLOCK[1])], {}, ValueError, "^x must have 4 columns"),
        (iter([BLOCK]), {"epochs": 2}, ValueError, "^blocks must be a list or a function .* 2"),
        ([BLOCK], {"schedule": fb.Cosine()}, ValueError, "^n_rows must be given with a schedule"),
        ([BLOCK], {"n_rows": 3}, ValueError, "^blocks must give 3 rows an epoch, got 2$"),
        ([BLOCK], {"n_rows": 0}, ValueError, "^n_rows must be at least 1"),
        ([BLOCK], {"metrics": "r2"}, ValueError, "^metrics must come with validation rows"),
        ([BLOCK], {"shuffle": "rows"}, TypeError, "^shuffle must be True or False"),
        ([BLOCK], {"batch_size": None}, TypeError, "^batch_size must be an integer"),
        ([BLOCK], {"optimizer": "rprop"}, ValueError, r"^batch_size must be None \(all rows\)"),
        ([BLOCK], {"validation": 0.5}, ValueError, r"^validation must be \(x, y\)"),
        ([BLOCK], {"stop": fb.Stop(monitor="r2")}, ValueError, "^metrics must come with valid"),
    ],
)
def test_bad_arguments_of_a_stream_are_refused(blocks, more, error, message):
    net = fb.mlp([4, 9, 3], "tanh")
    if isinstance(more.get("n_rows"), int) and more["n_rows"] == 3:
        with pytest.raises(error, match=message):
            net.fit_stream(blocks, **more)
        return
    refuse(net, error, message, lambda: net.fit_stream(blocks, **more))


def test_blocks_with_y_in_two_forms_are_refused():
    net = fb.mlp([4, 9, 3], output="softmax", loss="cross_entropy")
    x = np.zeros((3, 4))
    blocks = [(x, [0, 1, 2]), (x, np.eye(3))]
    with pytest.raises(ValueError, match=r"^blocks must hold y in one form, got class indices"):
        net.fit_stream(blocks, batch_size=2)


def test_an_error_of_the_users_leaves_the_network_usable():
    x, y, _ = data()
    net, other = fb.mlp([4, 9, 3]), fb.mlp([4, 9, 3])

    def blocks():
        yield x[:16], y[:16]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        net.fit_stream(blocks(), fb.SGD(0.1), batch_size=8)
    other.fit(x[:16], y[:16], fb.SGD(0.1), epochs=1, batch_size=8, shuffle=False)
    assert net.params.tobytes() == other.params.tobytes()
    net.fit(x, y, fb.SGD(0.1), epochs=1)


def test_no_checkpoint_is_made_of_a_stream(tmp_path):
    x, y, _ = data()
    with pytest.raises(ValueError, match=r"^a checkpoint must be of a fit over arrays"):
        fb.mlp([4, 3]).fit_stream([(x, y)], callbacks=fb.Checkpoint(tmp_path / "run.fastbp"))


def test_blocks_of_neighbours_are_orders_of_all_rows(monkeypatch):
    monkeypatch.setattr(orders, "SHUFFLE_BLOCK", 10)
    for n_rows in (1, 9, 10, 11, 95, 100):
        order = orders.shuffled_blocks(n_rows, np.random.default_rng(n_rows))
        assert sorted(order) == list(range(n_rows))
        runs = [order[0] // 10]
        for row in order:
            if row // 10 != runs[-1]:
                runs.append(row // 10)
        assert len(runs) == -(-n_rows // 10), "each block is gone through once"
    order = orders.shuffled_blocks(1000, np.random.default_rng(0))
    assert (order[::10] // 10).tolist() != list(range(100))
    assert any((np.diff(order[start : start + 10]) != 1).any() for start in range(0, 1000, 10))
    other = orders.shuffled_blocks(1000, np.random.default_rng(1))
    assert other.tolist() != order.tolist()


@pytest.mark.parametrize("shuffle", ["rows", "blocks", "none", True, False])
def test_orders_are_those_of_the_seed(shuffle):
    x, y, _ = data()
    found = set()
    for _ in range(2):
        net = fb.mlp([4, 9, 3], seed=3)
        net.fit(x, y, epochs=2, batch_size=7, shuffle=shuffle)
        found.add(net.params.tobytes())
    assert len(found) == 1


def test_a_fraction_held_out_is_trained_like_the_other_rows_alone():
    x, y, weight = data()
    order = np.random.default_rng(3).permutation(N_ROWS)
    held = round(0.3 * N_ROWS)
    kept, out = np.sort(order[:-held]), np.sort(order[-held:])
    net, other = fb.mlp([4, 9, 3], seed=3), fb.mlp([4, 9, 3], seed=3)
    arguments = {"epochs": 3, "batch_size": 8, "metrics": "r2"}
    history = net.fit(x, y, sample_weight=weight, validation=0.3, **arguments)
    expected = other.fit(
        x[kept],
        y[kept],
        sample_weight=weight[kept],
        validation=(x[out], y[out], weight[out]),
        **arguments,
    )
    assert net.params.tobytes() == other.params.tobytes()
    assert history.validation_loss == expected.validation_loss
    assert history.metrics == expected.metrics


def test_partial_fit_goes_on_where_it_ended():
    x, y, weight = data()
    net, other = fb.mlp([4, 9, 3], seed=3), fb.mlp([4, 9, 3], seed=3)
    for _ in range(3):
        net.partial_fit(x, y, "adam", batch_size=8, sample_weight=weight)
    other.fit(x, y, "adam", epochs=3, batch_size=8, sample_weight=weight)
    assert net.params.tobytes() == other.params.tobytes()


def test_partial_fit_keeps_an_optimizer_by_its_name_and_takes_an_object():
    x, y, _ = data()
    net, other, third = (fb.mlp([4, 9, 3], seed=3) for _ in range(3))
    for name in ("adam", "adam", "sgd", "adam"):
        net.partial_fit(x, y, name, shuffle=False)
    rules = [fb.Adam(), fb.SGD(), fb.Adam()]
    for rule in (rules[0], rules[0], rules[1], rules[2]):
        other.partial_fit(x, y, rule, shuffle=False)
    for name in ("adam", "adam", "sgd", "adam"):
        third.partial_fit(x, y, fb.Adam() if name == "adam" else fb.SGD(), shuffle=False)
    assert net.params.tobytes() == other.params.tobytes() != third.params.tobytes()
    assert rules[0].steps == 2 * rules[2].steps


def test_partial_fit_of_single_rows_is_train_step():
    x, y, _ = data()
    net, other, rule = fb.mlp([4, 9, 3]), fb.mlp([4, 9, 3]), fb.Adam()
    for row in range(9):
        history = net.partial_fit(x[row : row + 1], y[row : row + 1])
        loss = other.train_step(x[row : row + 1], y[row : row + 1], rule)
        assert history.loss == [loss]
    assert net.params.tobytes() == other.params.tobytes()


def test_blocks_are_let_go():
    made, most = [], []

    def blocks():
        for _ in range(12):
            # 0.5 MB each, of the network's dtype: used as it is.
            x = np.zeros((32_000, 4), np.float32)
            made.append(weakref.ref(x))
            most.append(sum(block() is not None for block in made))
            yield x, np.zeros((len(x), 3), np.float32)
            del x

    fb.mlp([4, 3]).fit_stream(blocks(), batch_size=1000)
    assert max(most) <= 4
