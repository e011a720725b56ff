"""torch without autograd: every product and derivative written out, into buffers made once."""

import itertools

import numpy as np
import torch
from workloads import Problem, Workload

aten = torch.ops.aten


class ByHand:
    """Training with all parameters in one vector, which one fused call updates."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.workload = workload
        self.problem = problem
        self.flat = self.initial()
        self.grad = torch.empty_like(self.flat)
        self.layers = self.views(self.flat)
        self.gradients = self.views(self.grad)
        self.x = torch.from_numpy(problem.x)
        self.y = torch.from_numpy(problem.one_hot(workload.sizes[-1]))
        self.order: torch.Tensor | None = None
        self.buffers: dict[int, tuple[torch.Tensor, torch.Tensor, list, list]] = {}
        self.reset()

    def initial(self) -> torch.Tensor:
        """Return the initial parameters of all layers in one vector."""
        params = self.problem.params
        parts = [part for weight, bias in params for part in (weight.T.ravel(), bias)]
        return torch.from_numpy(np.concatenate(parts))

    def views(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Return weight (n_in, n_out), its transpose and bias of each layer in a vector of all."""
        found, at = [], 0
        sizes = self.workload.sizes
        for n_in, n_out in itertools.pairwise(sizes):
            end = at + n_in * n_out
            weight = flat[at:end].view(n_in, n_out)
            found.append((weight, weight.t(), flat[end : end + n_out]))
            at = end + n_out
        return found

    def reset(self) -> None:
        self.rate = self.workload.learning_rate
        self.flat.copy_(self.initial())
        self.m = torch.zeros_like(self.flat)
        self.v = torch.zeros_like(self.flat)
        self.count = torch.zeros(())
        self.first = True

    def use(self, order: np.ndarray | None) -> None:
        self.order = None if order is None else torch.from_numpy(order)

    @torch.inference_mode()
    def run(self, epochs: int) -> float:
        batch, rows = self.workload.batch, self.workload.rows
        for _ in range(epochs):
            total = torch.zeros((), dtype=self.flat.dtype)
            for start in range(0, rows, batch):
                self.step(start, min(start + batch, rows), total)
        return total.item() / rows

    def buffers_for(self, n: int) -> tuple[torch.Tensor, torch.Tensor, list, list]:
        """Return inputs, targets, activations and deltas for n rows."""
        if n not in self.buffers:
            widths = self.workload.sizes
            made = [torch.empty(n, width, dtype=self.flat.dtype) for width in widths]
            deltas = [torch.empty_like(a) for a in made[1:]]
            y = torch.empty(n, widths[-1], dtype=self.flat.dtype)
            self.buffers[n] = (made[0], y, made[1:], deltas)
        return self.buffers[n]

    def step(self, start: int, end: int, total: torch.Tensor) -> None:
        """Take one step, and add the batch's summed loss before it to the total."""
        x, y, outs, deltas = self.buffers_for(end - start)
        if self.order is None:
            x, y = self.x[start:end], self.y[start:end]
        else:
            index = self.order[start:end]
            torch.index_select(self.x, 0, index, out=x)
            torch.index_select(self.y, 0, index, out=y)
        activate = getattr(torch, self.workload.hidden + "_")
        a = x
        for (weight, _, bias), out in zip(self.layers[:-1], outs, strict=False):
            torch.addmm(bias, a, weight, out=out)
            a = activate(out)
        weight, _, bias = self.layers[-1]
        torch.addmm(bias, a, weight, out=outs[-1])
        self.output_delta(outs[-1], y, deltas[-1], total)
        self.backward(x, outs, deltas)
        self.update()

    def output_delta(
        self, z: torch.Tensor, y: torch.Tensor, delta: torch.Tensor, total: torch.Tensor
    ) -> None:
        """Fill delta from z of the last layer; add the batch's summed loss to the total."""
        if self.workload.loss == "cross_entropy":
            logs = torch.log_softmax(z, 1)
            total.sub_(torch.dot(logs.view(-1), y.view(-1)))
            torch.sub(logs.exp_(), y, out=delta)
        elif self.workload.loss == "binary_cross_entropy":
            total.add_(torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum"))
            torch.sub(torch.sigmoid(z), y, out=delta)
        else:
            torch.sub(z, y, out=delta)
            flat = delta.view(-1)
            total.add_(torch.dot(flat, flat), alpha=0.5)
        if len(z) > 1:
            delta.mul_(1 / len(z))

    def backward(self, x: torch.Tensor, outs: list, deltas: list) -> None:
        """Fill the gradients of all layers, last to first."""
        for layer in range(len(outs) - 1, -1, -1):
            delta, below = deltas[layer], outs[layer - 1] if layer else x
            weight_gradient, _, bias_gradient = self.gradients[layer]
            torch.mm(below.t(), delta, out=weight_gradient)
            torch.sum(delta, 0, out=bias_gradient)
            if layer:
                under = deltas[layer - 1]
                torch.mm(delta, self.layers[layer][1], out=under)
                self.times_derivative(below, under)

    def times_derivative(self, a: torch.Tensor, delta: torch.Tensor) -> None:
        """Multiply delta by s'(z), written with a = s(z)."""
        if self.workload.hidden == "relu":
            aten.threshold_backward.grad_input(delta, a, 0, grad_input=delta)
        elif self.workload.hidden == "tanh":
            aten.tanh_backward.grad_input(delta, a, grad_input=delta)
        else:
            aten.sigmoid_backward.grad_input(delta, a, grad_input=delta)

    def update(self) -> None:
        """Apply the optimizer's rule to the whole vector."""
        rate = self.rate
        if self.workload.optimizer == "adam":
            self.count += 1
            torch._fused_adam_(
                [self.flat], [self.grad], [self.m], [self.v], [], [self.count],
                lr=rate, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8,
                amsgrad=False, maximize=False,
            )  # fmt: skip
        elif self.workload.optimizer == "momentum":
            torch._fused_sgd_(
                [self.flat], [self.grad], [self.m], weight_decay=0.0, dampening=0.0,
                momentum=self.workload.momentum, lr=rate, nesterov=False, maximize=False,
                is_first_step=self.first,
            )  # fmt: skip
            self.first = False
        else:
            self.flat.add_(self.grad, alpha=-rate)
