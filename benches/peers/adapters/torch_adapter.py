"""torch: backward by hand into buffers, autograd with a fused optimizer, and torch.compile.

Rows are gathered with index_select; there is no DataLoader. The ordinary idiom is nn.Sequential,
backward() and an optimizer of torch.optim, one Python loop iteration a step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from protocol import Idiom
from torch import nn
from torch.nn import functional
from workloads import Problem, Workload

from adapters.torch_by_hand import ByHand

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
MODULES = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
# torch.compile takes a minute for a network of 50 layers, and there and in the very large one the
# time is in matrix products that it leaves to the same library.
MOST_COMPILED_LAYERS = 8


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"torch": torch.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return the ways to train or to predict."""
    torch.set_num_threads(threads)
    if not workload.trains:
        return [
            Idiom("functional, inference_mode", lambda problem: Functional(workload, problem)),
            Idiom("nn.Sequential, no_grad", lambda p: Module(workload, p), ordinary=True),
        ]
    found = [
        Idiom("hand-written backward, fused update", lambda problem: ByHand(workload, problem)),
        Idiom("autograd, fused optimizer", lambda problem: Autograd(workload, problem)),
        Idiom("nn.Sequential, torch.optim", lambda p: Sequential(workload, p), ordinary=True),
    ]
    if len(workload.sizes) <= MOST_COMPILED_LAYERS:
        found.append(Idiom("torch.compile", lambda problem: Compiled(workload, problem)))
    return found


def forward(workload: Workload, params: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return z of the last layer; params are weight (n_out, n_in) and bias in turn."""
    last = len(params) // 2 - 1
    for layer in range(last + 1):
        x = functional.linear(x, params[2 * layer], params[2 * layer + 1])
        if layer < last:
            x = ACTIVATIONS[workload.hidden](x)
    return x


def loss_of(workload: Workload) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss as a function of z of the last layer and the targets."""
    if workload.loss == "cross_entropy":
        return functional.cross_entropy
    if workload.loss == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits
    half = 0.5 * workload.sizes[-1]
    return lambda z, y: half * functional.mse_loss(z, y)


def optimizer_of(workload: Workload, params: Any, **options: Any) -> torch.optim.Optimizer:
    """Return the optimizer of torch.optim."""
    if workload.optimizer == "adam":
        return torch.optim.Adam(params, lr=workload.learning_rate, **options)
    rate, momentum = workload.learning_rate, workload.momentum
    return torch.optim.SGD(params, lr=rate, momentum=momentum, **options)


def module(workload: Workload, problem: Problem, ends: bool) -> nn.Sequential:
    """Return the network as modules; with ends, the output's activation too."""
    layers: list[nn.Module] = []
    for weight, bias in problem.params:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.from_numpy(weight).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, MODULES[workload.hidden]()]
    layers.pop()
    if ends and workload.output == "softmax":
        layers.append(nn.Softmax(1))
    return nn.Sequential(*layers)


class Module:
    """Prediction by nn.Sequential."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.module = module(workload, problem, ends=True).eval()

    def predict(self, x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.module(torch.from_numpy(x)).numpy()


class Functional:
    """Prediction by addmm on transposed weights."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.layers = [
            (torch.from_numpy(np.ascontiguousarray(weight.T)), torch.from_numpy(bias))
            for weight, bias in problem.params
        ]
        self.activate = getattr(torch, workload.hidden + "_")
        self.softmax = workload.output == "softmax"

    def predict(self, x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            a = torch.from_numpy(x)
            *hidden, (weight, bias) = self.layers
            for inner_weight, inner_bias in hidden:
                a = self.activate(torch.addmm(inner_bias, a, inner_weight))
            z = torch.addmm(bias, a, weight)
            return (torch.softmax(z, 1) if self.softmax else z).numpy()


class Sequential:
    """nn.Sequential, backward() and torch.optim with its default settings."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.workload = workload
        self.problem = problem
        self.x = torch.from_numpy(problem.x)
        self.y = torch.from_numpy(problem.y)
        self.order: torch.Tensor | None = None
        self.loss = loss_of(workload)
        self.reset()

    def reset(self) -> None:
        self.module = module(self.workload, self.problem, ends=False)
        self.optimizer = optimizer_of(self.workload, self.module.parameters())

    def use(self, order: np.ndarray | None) -> None:
        self.order = None if order is None else torch.from_numpy(order)

    def run(self, epochs: int) -> float:
        batch, rows = self.workload.batch, self.workload.rows
        for _ in range(epochs):
            total = torch.zeros((), dtype=self.x.dtype)
            for start in range(0, rows, batch):
                x, y = self.rows(start, min(start + batch, rows))
                total += self.train(x, y) * len(x)
        return total.item() / rows

    def rows(self, start: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and targets of a batch."""
        if self.order is None:
            return self.x[start:end], self.y[start:end]
        index = self.order[start:end]
        return self.x.index_select(0, index), self.y.index_select(0, index)

    def train(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take one step; return the loss before it."""
        self.optimizer.zero_grad()
        loss = self.loss(self.module(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Autograd(Sequential):
    """A functional forward, autograd.grad and the fused optimizer."""

    def reset(self) -> None:
        self.params = [
            torch.from_numpy(part.copy()).requires_grad_()
            for layer in self.problem.params
            for part in layer
        ]
        self.optimizer = optimizer_of(self.workload, self.params, fused=True)

    def train(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = self.loss(forward(self.workload, self.params, x), y)
        gradients = torch.autograd.grad(loss, self.params)
        for param, gradient in zip(self.params, gradients, strict=True):
            param.grad = gradient
        self.optimizer.step()
        return loss.detach()


class Compiled(Sequential):
    """Gather, forward, backward and update of a step compiled as one function."""

    def reset(self) -> None:
        self.count = 0
        parts = [torch.from_numpy(part.copy()) for pair in self.problem.params for part in pair]
        if not hasattr(self, "step"):
            self.params = parts
            self.m = [torch.zeros_like(part) for part in parts]
            self.v = [torch.zeros_like(part) for part in parts]
            # Each workload is compiled afresh; torch gives up after a few variants of one function.
            torch.compiler.reset()
            self.step = torch.compile(self.one_step, fullgraph=True, dynamic=False)
            return
        for param, m, v, part in zip(self.params, self.m, self.v, parts, strict=True):
            param.copy_(part)
            m.zero_()
            v.zero_()

    def run(self, epochs: int) -> float:
        batch, rows = self.workload.batch, self.workload.rows
        with torch.no_grad():
            for _ in range(epochs):
                total = torch.zeros((), dtype=self.x.dtype)
                for start in range(0, rows, batch):
                    end = min(start + batch, rows)
                    index = None if self.order is None else self.order[start:end]
                    total += self.step(self.x, self.y, index, self.corrections()) * (end - start)
        return total.item() / rows

    def corrections(self) -> torch.Tensor:
        """Return Adam's step length, and the factor of its root, for the next step."""
        self.count += 1
        size = self.workload.learning_rate / (1 - 0.9**self.count)
        return torch.tensor([size, (1 - 0.999**self.count) ** -0.5], dtype=self.x.dtype)

    def one_step(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        index: torch.Tensor | None,
        corrections: torch.Tensor,
    ) -> torch.Tensor:
        """Take one step; return the loss before it."""
        if index is not None:
            x, y = x.index_select(0, index), y.index_select(0, index)

        def loss_at(params: list[torch.Tensor]) -> torch.Tensor:
            return self.loss(forward(self.workload, params, x), y)

        gradients, loss = torch.func.grad_and_value(loss_at)(self.params)
        for param, gradient, m, v in zip(self.params, gradients, self.m, self.v, strict=True):
            self.update(param, gradient, m, v, corrections)
        return loss

    def update(
        self,
        param: torch.Tensor,
        grad: torch.Tensor,
        m: torch.Tensor,
        v: torch.Tensor,
        corrections: torch.Tensor,
    ) -> None:
        """Apply the optimizer's rule to one parameter."""
        rate = self.workload.learning_rate
        if self.workload.optimizer == "adam":
            m.lerp_(grad, 0.1)
            v.mul_(0.999).addcmul_(grad, grad, value=0.001)
            size, root = corrections
            param.sub_(size * m / (v.sqrt() * root + 1e-8))
        elif self.workload.optimizer == "momentum":
            m.mul_(self.workload.momentum).add_(grad)
            param.sub_(m, alpha=rate)
        else:
            param.sub_(grad, alpha=rate)
