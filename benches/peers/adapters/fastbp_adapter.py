"""fastbp: `fit` and `predict`, nothing below the public interface."""

import contextlib
import io

import numpy as np
from protocol import Idiom
from workloads import Problem, Workload

import fastbp as fb


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"fastbp": fb.__version__}


def configuration() -> str:
    """Return what `fastbp.show_config` prints, or "" where there is none."""
    show = getattr(fb, "show_config", None)
    if show is None:
        return ""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        returned = show()
    return printed.getvalue().strip() or str(returned)


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return the default number of threads and, above one thread, the one asked for."""
    if not workload.trains:
        return [Idiom("predict", lambda problem: network(workload, problem))]
    found = [Idiom("fit", lambda problem: Trained(workload, problem, None))]
    if threads > 1:
        name = f"fit(threads={threads})"
        found.append(Idiom(name, lambda problem: Trained(workload, problem, threads)))
    return found


def network(workload: Workload, problem: Problem) -> fb.Network:
    """Return the network with the problem's parameters."""
    net = fb.mlp(
        list(workload.sizes), workload.hidden, workload.output, workload.loss, workload.dtype
    )
    fill(net, problem)
    return net


def fill(net: fb.Network, problem: Problem) -> None:
    """Copy the problem's parameters into the network."""
    for weight, bias, (initial_weight, initial_bias) in zip(
        net.weights, net.biases, problem.params, strict=True
    ):
        weight[...] = initial_weight
        bias[...] = initial_bias


class Trained:
    """`Network.fit`, which draws its own order for every epoch inside the timed call."""

    def __init__(self, workload: Workload, problem: Problem, threads: int | None) -> None:
        self.workload = workload
        self.problem = problem
        self.threads = threads
        self.net = network(workload, problem)
        self.shuffle = False
        self.reset()

    def reset(self) -> None:
        fill(self.net, self.problem)
        rate = self.workload.learning_rate
        if self.workload.optimizer == "adam":
            self.rule = fb.Adam(rate)
        else:
            self.rule = fb.SGD(rate, momentum=self.workload.momentum)

    def use(self, order: np.ndarray | None) -> None:
        self.shuffle = order is not None and bool((np.diff(order) != 1).any())

    def run(self, epochs: int) -> float:
        history = self.net.fit(
            self.problem.x,
            self.problem.y,
            self.rule,
            epochs=epochs,
            batch_size=self.workload.batch,
            shuffle=self.shuffle,
            progress=False,
            threads=self.threads,
        )
        return history.loss[-1]
