"""The order of an epoch's rows: a fair permutation of the generator's bits."""

import math
from collections import Counter

import numpy as np
import pytest
from strategies import case

import fastbp as fb
from fastbp import orders, spec
from fastbp._compiled import orders as compiled


def shuffled(n, generator):
    order = np.full(n, -1, np.int64)
    compiled.shuffle(order, generator)
    return order.tolist()


def by_hand(n, words):
    """Durstenfeld's order from 32-bit numbers; see shuffle.pxd."""
    order = []
    for i in range(n):
        product = next(words) * (i + 1)
        while product % 2**32 < 2**32 % (i + 1):
            product = next(words) * (i + 1)
        j = product >> 32
        order.append(i)
        order[i], order[j] = order[j], i
    return order


def halves(generator):
    while True:
        word = int(generator.random_raw())
        yield word % 2**32
        yield word >> 32


@pytest.mark.parametrize("generator", [np.random.PCG64, np.random.MT19937, np.random.Philox])
@pytest.mark.parametrize("n", [1, 2, 3, 100, 10_001])
def test_an_order_is_durstenfelds(generator, n):
    # MT19937 has words of 32 bits, so that its raw words are not what next_uint64 gives.
    other = generator(7)
    if generator is np.random.MT19937:
        words = np.random.Generator(other).integers(0, 2**64, 2 * n, np.uint64, endpoint=False)
        pairs = ([int(word) % 2**32, int(word) >> 32] for word in words)
        numbers = (number for pair in pairs for number in pair)
    else:
        numbers = halves(other)
    assert shuffled(n, generator(7)) == by_hand(n, numbers)


def test_every_order_is_equally_likely():
    generator, times = np.random.PCG64(3), 48_000
    found = Counter(tuple(shuffled(4, generator)) for _ in range(times))
    assert len(found) == math.factorial(4)
    expected = times / 24
    statistic = sum((count - expected) ** 2 / expected for count in found.values())
    # Chi-square with 23 degrees of freedom: 0.1 % lie above 49.7, and 0.1 % below 7.5.
    assert 7.5 < statistic < 49.7


def test_numbers_that_would_make_some_places_likelier_are_drawn_again():
    n, drawn = 400_001, [0]

    def counted():
        for word in halves(np.random.PCG64(7)):
            drawn[0] += 1
            yield word

    want = by_hand(n, counted())
    assert drawn[0] > n
    assert shuffled(n, np.random.PCG64(7)) == want


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize(
    ("sizes", "n_rows", "batch_size"),
    [((3, 5, 3), 23, 4), ((3, 40, 3), 23, 7), ((3, 40, 3), 700, 300)],
    ids=["tiny", "small", "several-blocks"],
)
def test_a_shuffled_fit_is_a_fit_of_the_shuffled_rows(sizes, n_rows, batch_size, weighted, dtype):
    structure = case(sizes, "tanh", "softmax", "cross_entropy", dtype, n_rows, seed=4)
    x, y = structure.rows()
    weight = np.random.default_rng(3).random(n_rows).astype(dtype) if weighted else None
    seed = structure.network().seed
    order = np.array(shuffled(n_rows, np.random.default_rng(seed).bit_generator))
    found = []
    for rows, shuffle in [(np.arange(n_rows), True), (order, False)]:
        net = structure.network()
        history = net.fit(
            x[rows],
            y[rows],
            fb.SGD(0.05, momentum=0.9),
            epochs=1,
            batch_size=batch_size,
            sample_weight=None if weight is None else weight[rows],
            shuffle=shuffle,
        )
        found.append((net.params.tobytes(), history.loss))
    assert found[0] == found[1]


@pytest.mark.parametrize("generator", [np.random.MT19937, np.random.PCG64])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 63, 64, 65, 1797, 200_001])
def test_a_legacy_shuffle_is_that_of_random_state(generator, n):
    # 200,001 numbers are more than are drawn between two looks at signals.
    theirs, ours = (np.random.RandomState(generator(5)) for _ in range(2))
    want, draw = np.arange(n), orders.Reshuffled(n, ours)
    for _ in range(3):
        theirs.shuffle(want)
        got = draw()
        np.testing.assert_array_equal(got, want)
        # What the caller does with it is nothing to the next.
        got[:] = 0
    # As many numbers have been drawn.
    assert theirs.randint(2**31) == ours.randint(2**31)


@pytest.mark.parametrize("n", [7, 9])
def test_orders_of_another_number_of_rows_are_refused(n):
    net, x = fb.mlp([2, 1]), np.ones((8, 2), np.float32)
    before = net.params.copy()
    with pytest.raises(ValueError, match="order"):
        net.fit(x, x[:, :1], epochs=1, shuffle=orders.Reshuffled(n, np.random.RandomState(1)))
    np.testing.assert_array_equal(net.params, before)
