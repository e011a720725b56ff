"""A loss of one's own: what a lost sale costs is not what an unsold piece costs.

The demand y of a day is not known when a pieces are bought. Each piece too little costs 4, each too
much 1; the best a is the demand that is exceeded on one day in five. mse finds the mean instead.
"""

import numpy as np

import fastbp as fb

SHORT, LEFT = 4.0, 1.0


def cost(a, y):
    """Return the cost of each row, (n_rows,)."""
    return np.where(a < y, SHORT * (y - a), LEFT * (a - y)).sum(axis=1)


def slope(a, y):
    """Return its derivative by each output, (n_rows, n_out)."""
    return np.where(a < y, -SHORT, LEFT)


fb.register_loss("cost", cost, slope)

rng = np.random.default_rng(0)
warmth = rng.uniform(-1, 1, (4000, 1))
demand = 3 + warmth + rng.exponential(0.5 + 0.4 * np.abs(warmth))
train, test = slice(3000), slice(3000, None)

for loss in ("mse", "cost"):
    net = fb.mlp([1, 16, 1], hidden="tanh", loss=loss)
    net.fit(warmth[train], demand[train], fb.Adam(0.01), epochs=30, progress=False)
    bought = net.predict(warmth[test])
    short = (bought < demand[test]).mean()
    print(
        f"trained with {loss:4}: cost a day {cost(bought, demand[test]).mean():.2f}, "
        f"sold out on {100 * short:.0f} % of days"
    )

try:
    fb.register_loss("wrong", cost, lambda a, y: -slope(a, y))
except ValueError as error:
    print(f"refused: {error}")
