"""Write schedules.npz: learning rates of PyTorch's schedulers, one number a step or epoch.

Run from the repository's root with PyTorch installed (2.13.0 made the file)::

    python tests/golden/make_schedules.py
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import SGD, lr_scheduler

PATH = Path(__file__).with_name("schedules.npz")
RATE = 0.5
STEPS = 30
LOSSES = [1, 0.8, 0.8, 0.8, 0.8, 0.79999, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, *[0.6] * 17]

Make = Callable[[Any], Any]
CASES: dict[str, Make] = {
    "step": lambda o: lr_scheduler.StepLR(o, 4, 0.3),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "linear": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.2, STEPS),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 0.1 * RATE),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 1),
    "growing-restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2, 0.05),
    "one-cycle": lambda o: lr_scheduler.OneCycleLR(
        o, RATE, total_steps=STEPS, cycle_momentum=False
    ),
    "one-cycle-settings": lambda o: lr_scheduler.OneCycleLR(
        o,
        RATE,
        total_steps=STEPS,
        pct_start=0.5,
        div_factor=10,
        final_div_factor=100,
        cycle_momentum=False,
    ),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2),
    "plateau-settings": lambda o: lr_scheduler.ReduceLROnPlateau(
        o, factor=0.3, patience=1, threshold=0.05, cooldown=2, min_lr=0.01
    ),
}


def rates(name: str) -> np.ndarray:
    """Return the learning rate of each step."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler, found = CASES[name](optimizer), []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if name.startswith("plateau"):
            scheduler.step(LOSSES[step])
        else:
            scheduler.step()
    return np.array(found)


def main() -> int:
    """Write every schedule."""
    np.savez_compressed(PATH, losses=LOSSES, **{name: rates(name) for name in CASES})
    print(f"{PATH.name}: {len(CASES)} schedules, PyTorch {torch.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
