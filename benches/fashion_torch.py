"""torch trains a workload by a learning rate for each step: the three forms of peers/adapters.

Each is that adapter's own, with data as one tensor, batches by index_select and no DataLoader; here
they only take a rate before each step, a new order of the rows for each epoch, and initial
parameters of their own for each run.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from adapters import torch_adapter
from adapters.torch_by_hand import ByHand
from workloads import Problem, Workload


class ScheduledByHand(ByHand):
    """Backward by hand into buffers, and one fused update of all parameters."""

    rates: Iterator[float]

    def update(self) -> None:
        self.rate = next(self.rates)
        super().update()

    def parameters(self) -> list[torch.Tensor]:
        return [part for _, weight, bias in self.layers for part in (weight, bias)]


class ScheduledAutograd(torch_adapter.Autograd):
    """autograd.grad and torch.optim's fused optimizer."""

    rates: Iterator[float]

    def train(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.optimizer.param_groups[0]["lr"] = next(self.rates)
        return super().train(x, y)

    def parameters(self) -> list[torch.Tensor]:
        return self.params


class ScheduledCompiled(torch_adapter.Compiled):
    """Adam's whole step compiled as one function, to which the rate is an argument."""

    rates: Iterator[float]

    def corrections(self) -> torch.Tensor:
        found = super().corrections()
        found[0] *= next(self.rates) / self.workload.learning_rate
        return found

    def parameters(self) -> list[torch.Tensor]:
        return self.params


FORMS = {
    "torch, backward by hand": ScheduledByHand,
    "torch, autograd": ScheduledAutograd,
    "torch.compile": ScheduledCompiled,
}


class Runs:
    """One form of torch, made and warmed up once, then trained from any parameters.

    Parameters
    ----------
    form : str
        A name in `FORMS`.
    workload : Workload
        With Adam; its rate is the one that the form is warmed up with.
    problem : Problem
        The training rows, and any parameters.
    """

    def __init__(self, form: str, workload: Workload, problem: Problem) -> None:
        torch.set_num_threads(1)
        self.workload = workload
        self.subject = FORMS[form](workload, problem)
        self.train(problem.params, np.full(workload.steps, workload.learning_rate), seed=0)

    def train(
        self, params: list[tuple[np.ndarray, np.ndarray]], rates: np.ndarray, seed: int
    ) -> float:
        """Train from these parameters, a step for each rate; return the seconds it took."""
        subject = self.subject
        subject.problem = replace(subject.problem, params=params)
        subject.reset()
        generator = torch.Generator().manual_seed(seed)
        began = time.perf_counter()
        subject.rates = iter(rates.tolist())
        for _ in range(len(rates) // self.workload.steps):
            subject.order = torch.randperm(self.workload.rows, generator=generator)
            subject.run(1)
        return time.perf_counter() - began

    @torch.inference_mode()
    def classes(self, x: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row of x (n_rows, n_in)."""
        z = torch_adapter.forward(self.workload, self.subject.parameters(), torch.from_numpy(x))
        return z.argmax(1).numpy()
