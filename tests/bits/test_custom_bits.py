"""The same bits for any number of threads where compiled functions of one's own are called."""

import sys
from pathlib import Path

import numpy as np
import pytest
from customs import register

sys.path.insert(0, str(Path(__file__).parent))
from trained import digest, force_teams, trained

THREADS = [2, 4]
# (sizes, rows, batch size): ragged, and more than a block of rows.
SHAPES = [([3, 5, 2], 31, 7), ([19, 37, 18], 300, 290), ([50, 130, 70, 3], 90, 45)]


@pytest.fixture(params=["rows", "columns"])
def teams(request, monkeypatch):
    """Whatever the work and the cores, a team has as many threads as asked for."""
    force_teams(request.param == "columns", monkeypatch.setattr)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["compiled", "numba"])
@pytest.mark.parametrize(("sizes", "n_rows", "batch_size"), SHAPES)
def test_any_number_of_threads_trains_the_same_bits(form, sizes, n_rows, batch_size, dtype, teams):
    tanh, softplus, huber = register(form)
    network = (sizes, softplus, tanh, huber, n_rows, batch_size, "adam")
    expected = digest(network, dtype)
    assert [digest(network, dtype, threads) for threads in THREADS] == [expected] * len(THREADS)
    net, _ = trained(network, dtype)
    x = np.random.default_rng(2).normal(size=(700, sizes[0]))
    y = np.random.default_rng(3).normal(size=(700, sizes[-1]))
    outputs, loss = net.predict(x, threads=1).tobytes(), net.evaluate(x, y, threads=1)
    for threads in THREADS:
        assert net.predict(x, threads=threads).tobytes() == outputs
        assert net.evaluate(x, y, threads=threads) == loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sizes", "n_rows", "batch_size"), SHAPES)
def test_a_row_alone_has_the_bits_of_a_batch(sizes, n_rows, batch_size, dtype):
    # numpy's own functions give a number other bits in another place, C functions do not.
    tanh, softplus, huber = register("callback")
    net, _ = trained((sizes, softplus, tanh, huber, n_rows, batch_size, "adam"), dtype)
    x = np.random.default_rng(2).normal(size=(20, sizes[0]))
    together = net.predict(x)
    for row in range(20):
        assert net.predict(x[[row]]).tobytes() == together[row].tobytes()


def test_a_team_may_call_back_to_python(teams):
    # Each thread waits for the GIL, which the one that started them has let go.
    tanh, softplus, huber = register("callback")
    network = ([5, 19, 3], softplus, tanh, huber, 31, 16, "adam")
    assert digest(network, "float64", 2) == digest(network, "float64", 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_python_functions_get_one_thread_and_train_the_same_bits(dtype, teams):
    tanh, softplus, huber = register("python")
    network = ([19, 37, 18], softplus, tanh, huber, 300, 290, "adam")
    assert digest(network, dtype, 4) == digest(network, dtype, 1)
