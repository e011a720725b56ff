"""The numerics contract: the same bits for any threads, vector width, batch, alignment and run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastbp as fb
from fastbp import _compiled, _cpu
from fastbp import threads as team_sizes
from fastbp._compiled import team

sys.path.insert(0, str(Path(__file__).parent))
from trained import NETWORKS, digest, force_teams, targets_of, trained

DTYPES = ["float32", "float64"]
# Starting a thread takes long under sanitizers, which see in two teams what they see in six.
THREADS = [3, 16] if os.environ.get("FASTBP_SANITIZE") else [2, 3, 4, 7, 8, 16]


def network_id(network):
    sizes, hidden, _, loss, *_, batch_size, optimizer = network
    if isinstance(sizes, str):
        return f"{sizes}-{batch_size}" + ("" if optimizer == "adam" else f"-{optimizer}")
    return f"{'-'.join(map(str, sizes))}-{hidden}-{loss}-{optimizer}"


@pytest.fixture(scope="module")
def alone():
    """Hashes of every network trained by one thread."""
    return {
        (network_id(network), dtype): digest(network, dtype)
        for network in NETWORKS
        for dtype in DTYPES
    }


@pytest.fixture(params=["rows", "columns"])
def teams(request, monkeypatch):
    """Whatever the work and the cores, a team has as many threads as asked for."""
    force_teams(request.param == "columns", monkeypatch.setattr)


@pytest.mark.skipif("plain C" in _compiled.COMPILER, reason="this build has no threads")
def test_a_team_is_as_large_as_a_test_asks_for(teams):
    for count in THREADS:
        assert team_sizes.fit_threads(count, fb.mlp([1, 1])._spec, 1, 1) == count
        assert team_sizes.pass_threads(count, fb.mlp([1, 1])._spec, 1) == count
        assert team.Team(count, 1).threads == count


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", NETWORKS, ids=network_id)
def test_any_number_of_threads_trains_the_same_bits(network, dtype, alone, teams):
    expected = alone[network_id(network), dtype]
    assert {threads: digest(network, dtype, threads) for threads in THREADS} == dict.fromkeys(
        THREADS, expected
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", NETWORKS, ids=network_id)
def test_any_number_of_threads_predicts_and_evaluates_the_same_bits(network, dtype, teams):
    net, _ = trained(network, dtype)
    rng = np.random.default_rng(4)
    for n_rows in (1, 9, 256, 1300):
        x = rng.normal(size=(n_rows, net.sizes[0]))
        y = targets_of(rng, net.loss, n_rows, net.sizes[-1])
        weight = rng.random(n_rows)
        outputs = net.predict(x, threads=1).tobytes()
        losses = [net.evaluate(x, y, threads=1), net.evaluate(x, y, weight, threads=1)]
        for count in THREADS:
            assert net.predict(x, threads=count).tobytes() == outputs
            assert [
                net.evaluate(x, y, threads=count),
                net.evaluate(x, y, weight, threads=count),
            ] == losses


def test_threads_that_run_ahead_of_others_leave_their_rows_alone(teams):
    # Threads meet nowhere in a prediction; the short shares of a ragged end are the first to go.
    net = fb.mlp([8, 64, 10], "relu")
    x = np.random.default_rng(5).normal(size=(20000, 8)).astype("float32")
    expected = net.predict(x, threads=1).tobytes()
    assert [net.predict(x, threads=2).tobytes() == expected for _ in range(50)] == [True] * 50


def test_any_number_of_threads_validates_the_same_bits(teams):
    x = np.random.default_rng(6).normal(size=(900, 20)).astype("float32")
    found = []
    for count in [1, *THREADS]:
        net = fb.mlp([20, 33, 1], "tanh")
        history = net.fit(
            x, x[:, :1], epochs=3, validation=0.6, sample_weight=x[:, 1] ** 2, threads=count
        )
        found.append((history.validation_loss, net.params.tobytes()))
    assert found == [found[0]] * len(found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", NETWORKS[:8], ids=network_id)
def test_two_runs_train_the_same_bits(network, dtype, alone):
    assert digest(network, dtype) == alone[network_id(network), dtype]


def hashes_of_level(level):
    script = Path(__file__).with_name("trained.py")
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "FASTBP_ISA": level},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(_cpu.isa_level() < 4, reason="the CPU does not run x86-64-v4")
@pytest.mark.no_sanitizer("starts all levels, of which .ci/sanitize may have built one")
def test_levels_v3_and_v4_train_the_same_bits():
    narrow, wide = hashes_of_level("v3"), hashes_of_level("v4")
    assert len(narrow) == 2 * len(NETWORKS)
    assert narrow == wide


def test_a_change_of_the_last_bit_of_the_data_changes_the_hash(alone):
    # Were the hash blind, every test above would pass.
    network = NETWORKS[5]
    seeded = (*network[:4], network[4] + 1, *network[5:])
    assert digest(seeded, "float32") != alone[network_id(network), "float32"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("network", NETWORKS, ids=network_id)
def test_a_row_is_predicted_alike_alone_and_in_any_batch(network, dtype):
    net, _ = trained(network, dtype)
    x = np.random.default_rng(1).normal(size=(519, net.sizes[0])).astype(dtype)
    together = net.predict(x)
    for start, stop in [(0, 1), (1, 2), (3, 10), (17, 33), (255, 257), (256, 519), (518, 519)]:
        assert net.predict(x[start:stop]).tobytes() == together[start:stop].tobytes()


@pytest.mark.parametrize("offset", [1, 2, 3, 5, 7, 15, 17])
@pytest.mark.parametrize("dtype", DTYPES)
def test_where_the_rows_lie_in_memory_changes_no_bit(dtype, offset):
    net = fb.mlp([13, 40, 21, 3], "tanh", dtype=dtype)
    x = np.random.default_rng(2).normal(size=(37, 13)).astype(dtype)
    memory = np.empty(x.size + 32, dtype)
    moved = memory[offset : offset + x.size].reshape(x.shape)
    moved[...] = x
    assert net.predict(moved).tobytes() == net.predict(x).tobytes()


def test_networks_trained_side_by_side_have_the_bits_of_those_trained_alone(alone, teams):
    chosen = [NETWORKS[i] for i in (1, 3, 5, 9, 11, 15, 17, 18)]
    found = {}

    def work(network):
        found[network_id(network)] = digest(network, "float32", threads=2)

    workers = [threading.Thread(target=work, args=(network,)) for network in chosen]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == {name: alone[name, "float32"] for name in found}
    assert len(found) == len(chosen)


def test_sixteen_python_threads_predict_on_one_network_alike(teams):
    net = fb.mlp([20, 64, 5], "relu")
    x = np.random.default_rng(3).normal(size=(2000, 20)).astype("float32")
    expected = net.predict(x).tobytes()
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(net.predict(x, 2).tobytes() == expected))
        for _ in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [True] * 16


def outputs_of_team(code):
    """Return the words that the code prints in a process whose fits all run on teams."""
    start = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from trained import force_teams\n"
        "force_teams()\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", start + code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def test_a_fork_after_a_threaded_fit_trains_the_same_bits(alone):
    name = network_id(NETWORKS[5])
    found = outputs_of_team(
        "from trained import NETWORKS, digest\n"
        "digest(NETWORKS[5], 'float32', 2)\n"
        "child = os.fork()\n"
        "found = digest(NETWORKS[5], 'float32', 2) + ' '\n"
        "os.write(1, found.encode())  # in one piece, whoever comes first\n"
        "if child == 0: os._exit(0)\n"
        "sys.exit(os.waitpid(child, 0)[1])\n"
    )
    assert found == [alone[name, "float32"]] * 2


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(5, 3), (60, 193, 7), (401, 500, 1), (200, 145, 146, 10)])
def test_a_gradient_that_is_kept_changes_no_bit(sizes, dtype, optimizer):
    # Without the rule about its norm, a gradient is used up piece by piece.
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(90, sizes[0])), rng.normal(size=(90, sizes[-1]))
    params = []
    for stop in (None, fb.Stop(gradient_norm=1e-30)):
        rule = {"sgd": fb.SGD(0.01), "momentum": fb.SGD(0.01, momentum=0.9), "adam": fb.Adam(0.01)}
        net = fb.mlp(sizes, hidden="tanh", dtype=dtype)
        net.fit(x, y, rule[optimizer], epochs=2, batch_size=40, stop=stop)
        params.append(net.params.tobytes())
    assert params[0] == params[1]


def test_a_fork_within_a_fit_goes_on_alone_with_the_same_bits():
    parent, child = outputs_of_team(
        "import hashlib, numpy as np, fastbp as fb\n"
        "x = np.random.default_rng(0).normal(size=(300, 9)).astype('float32')\n"
        "net = fb.mlp([9, 40, 1], 'tanh')\n"
        "children = []\n"
        "def fork(net, history):\n"
        "    if len(history.loss) == 2: children.append(os.fork())\n"
        "net.fit(x, x[:, :1], epochs=4, validation=0.5, callbacks=fork, threads=3)\n"
        "os.write(1, (hashlib.sha256(net.params.tobytes()).hexdigest() + ' ').encode())\n"
        "if children == [0]: os._exit(0)\n"
        "sys.exit(os.waitpid(children[0], 0)[1])\n"
    )
    assert parent == child
