"""Write trajectories.npz: 50 steps of PyTorch's optimizers on a small network, in float64.

Run from the repository's root with PyTorch installed (2.13.0 made the file)::

    python tests/golden/make_trajectories.py

The network is 2-3-1 with tanh, the loss the mean over 8 rows of half the squared error; after each
step all 13 parameters are recorded, layer by layer the weight as [in][out] and then the bias.
PyTorch has no Lion: its two lines are written out below, after Algorithm 2 of the paper.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)

STEPS = 50
PARAMETERS = 2 * 3 + 3 + 3 * 1 + 1
PATH = Path(__file__).with_name("trajectories.npz")


class Lion(torch.optim.Optimizer):
    """Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, Algorithm 2."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float], weight_decay: float):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = torch.sign(beta1 * m + (1 - beta1) * p.grad)
                p -= group["lr"] * (c + group["weight_decay"] * p)
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


# Name of the trajectory: an optimizer of PyTorch, and what is done to the gradient before its step.
# tests/oracle/test_trajectories.py has fastbp's arguments under the same names.
Make = Callable[[Any], Any]
CASES: dict[str, Make] = {
    "sgd": lambda p: SGD(p, lr=0.3),
    "sgd-decay": lambda p: SGD(p, lr=0.3, weight_decay=0.02),
    "sgd-momentum": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "sgd-dampening": lambda p: SGD(p, lr=0.2, momentum=0.8, dampening=0.3, weight_decay=0.01),
    "sgd-nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: Adam(p, lr=0.05),
    "adam-decay": lambda p: Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.03),
    "adamw": lambda p: AdamW(p, lr=0.05),
    "adamw-decay": lambda p: AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
    "rmsprop": lambda p: RMSprop(p, lr=0.01),
    "rmsprop-centered": lambda p: RMSprop(
        p, lr=0.01, alpha=0.9, eps=1e-3, momentum=0.5, centered=True, weight_decay=0.01
    ),
    "rmsprop-momentum": lambda p: RMSprop(p, lr=0.02, momentum=0.7),
    "adagrad": lambda p: Adagrad(p, lr=0.1),
    "adagrad-decay": lambda p: Adagrad(
        p, lr=0.2, lr_decay=0.05, weight_decay=0.02, initial_accumulator_value=0.1, eps=1e-3
    ),
    "adadelta": lambda p: Adadelta(p, lr=1.0),
    "adadelta-decay": lambda p: Adadelta(p, lr=2.0, rho=0.8, eps=1e-3, weight_decay=0.02),
    "adamax": lambda p: Adamax(p, lr=0.02),
    "adamax-decay": lambda p: Adamax(p, lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.02),
    "nadam": lambda p: NAdam(p, lr=0.02),
    "nadam-decay": lambda p: NAdam(
        p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.02, momentum_decay=0.05
    ),
    "radam": lambda p: RAdam(p, lr=0.05),
    "radam-decay": lambda p: RAdam(p, lr=0.05, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.02),
    "lion": lambda p: Lion(p, lr=0.01, betas=(0.9, 0.99), weight_decay=0.0),
    "lion-decay": lambda p: Lion(p, lr=0.02, betas=(0.8, 0.9), weight_decay=0.1),
    "rprop": lambda p: Rprop(p, lr=0.01),
    "rprop-settings": lambda p: Rprop(p, lr=0.02, etas=(0.4, 1.5), step_sizes=(1e-4, 0.1)),
    "clip-norm": lambda p: Adam(p, lr=0.05),
    "clip-value": lambda p: SGD(p, lr=0.2, momentum=0.5),
    "l1": lambda p: SGD(p, lr=0.2),
    "ema": lambda p: Adam(p, lr=0.05),
}


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x (8, 2), y (8, 1) and the first parameters (13,)."""
    rng = np.random.default_rng(20)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    return x, y, rng.uniform(-1, 1, PARAMETERS)


def trajectory(name: str) -> np.ndarray:
    """Return the parameters after each step, (50, 13); for "ema" their moving average."""
    x, y, start = rows()
    params = torch.tensor(start, requires_grad=True)
    optimizer = CASES[name]([params])
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    average, found = params.detach().clone(), []
    for step in range(STEPS):
        optimizer.zero_grad()
        w1, b1 = params[:6].reshape(2, 3), params[6:9]
        w2, b2 = params[9:12].reshape(3, 1), params[12:]
        outputs = torch.tanh(torch.tensor(x) @ w1 + b1) @ w2 + b2
        loss = ((outputs - torch.tensor(y)) ** 2).sum(1).mean() / 2
        if name == "l1":
            loss = loss + 0.02 * params.abs().sum()
        loss.backward()
        if name == "clip-norm":
            torch.nn.utils.clip_grad_norm_([params], 0.3)
        if name == "clip-value":
            torch.nn.utils.clip_grad_value_([params], 0.1)
        optimizer.step()
        if step == 0:
            average = params.detach().clone()
        else:
            decay([average], [params.detach()], None)
        found.append((average if name == "ema" else params.detach()).numpy().copy())
    return np.array(found)


def main() -> int:
    """Write every trajectory."""
    # Or NAdam keeps its product of momenta in float32.
    torch.set_default_dtype(torch.float64)
    np.savez_compressed(PATH, **{name: trajectory(name) for name in CASES})
    print(f"{PATH.name}: {len(CASES)} trajectories, PyTorch {torch.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
