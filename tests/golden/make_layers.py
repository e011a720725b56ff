"""Write layers.npz: PyTorch trains normalised layers, a skip connection and tied weights.

Run from the repository's root with PyTorch installed (2.13.0 made the file)::

    python tests/golden/make_layers.py

Running variances of PyTorch are of var n / (n - 1), ours of var: the module here is told the ratio
by moving its running variance itself. Everything else is PyTorch's own.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

PATH = Path(__file__).with_name("layers.npz")
STEPS, RATE, ROWS = 10, 0.1, 6


class Made(nn.Module):
    """3 inputs, a hidden layer of one kind with tanh, an output layer."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        width = 3 if kind == "residual" else 5
        self.hidden = nn.Linear(3, width)
        self.out = nn.Linear(width, 3 if kind == "tied" else 2)
        norms = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
        self.norm = norms[kind](width) if kind in norms else nn.Identity()
        if kind == "tied":
            self.out.weight = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs."""
        a = torch.tanh(self.norm(self.hidden(x)))
        if self.kind == "residual":
            a = a + x
        weight = self.hidden.weight.T if self.kind == "tied" else self.out.weight
        return nn.functional.linear(a, weight, self.out.bias)


def trained(kind: str, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Return parameters before and after, targets, outputs and running statistics."""
    torch.manual_seed(len(kind))
    net = Made(kind).double()
    y = torch.randn(ROWS, 3 if kind == "tied" else 2, dtype=torch.float64)
    parts = [net.hidden.weight, net.hidden.bias, net.out.bias]
    parts += [net.out.weight] if kind != "tied" else []
    parts += [net.norm.weight, net.norm.bias] if kind in ("layer", "batch") else []
    found = {f"{kind}-begin-{i}": part.detach().numpy().copy() for i, part in enumerate(parts)}
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).sum() / 2 / ROWS
        loss.backward()
        optimizer.step()
    if kind == "batch":
        ratio = (ROWS - 1) / ROWS
        begun = 0.9**STEPS
        variance = net.norm.running_var
        variance.copy_(begun + ratio * (variance - begun))
        found["batch-mean"] = net.norm.running_mean.numpy().copy()
        found["batch-variance"] = variance.numpy().copy()
    net.eval()
    found |= {f"{kind}-end-{i}": part.detach().numpy().copy() for i, part in enumerate(parts)}
    return {**found, f"{kind}-y": y.numpy(), f"{kind}-out": net(x).detach().numpy()}


def main() -> None:
    """Write the file."""
    torch.manual_seed(0)
    x = torch.randn(ROWS, 3, dtype=torch.float64)
    arrays = {"x": x.numpy()}
    for kind in ("layer", "batch", "residual", "tied"):
        arrays |= trained(kind, x)
    np.savez_compressed(PATH, **arrays)


if __name__ == "__main__":
    main()
