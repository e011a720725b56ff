"""
What a network decides
======================

Over the plane of two inputs: the colour of each place is what the network says there, the paler the
less sure it is, and a line is where it changes its mind.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastbp as fb

rng = np.random.default_rng(0)
angle, y = rng.uniform(0, np.pi, 240), rng.integers(0, 2, 240)
moons = np.where(y, [1 - np.cos(angle), 0.5 - np.sin(angle)], [np.cos(angle), np.sin(angle)]).T
x = moons + rng.normal(0, 0.15, moons.shape)

net = fb.mlp([2, 16, 16, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
net.fit(x, y, fb.Adam(0.01), epochs=80, progress=False)

ax = fb.plot.decision(net, x, y, classes=["upper", "lower"])

# %%
# Several classes have a colour and a mark each.

centres = np.array([[0, 0], [2.2, 1], [-1, 2.2], [1.5, -2]])
y = rng.integers(0, 4, 300)
x = centres[y] + rng.normal(0, 0.7, (300, 2))

net = fb.mlp([2, 16, 4], hidden="tanh", output="softmax", loss="cross_entropy")
net.fit(x, y, fb.Adam(0.01), epochs=40, progress=False)

ax = fb.plot.decision(net, x, y, classes=["ash", "birch", "oak", "elm"])

# %%
# A regression is a surface; rows have the colour of their own y, and those that stand out are far
# from what is predicted. Axes are named after the columns of a table.

people = {"age": rng.uniform(20, 70, 200), "hours": rng.uniform(10, 50, 200)}
age, hours = people.values()
income = hours * (12 + 20 * np.sin((age - 15) / 20)) + rng.normal(0, 100, 200)

net = fb.mlp(
    [None, 24, 1], hidden="tanh", inputs=fb.Columns().fit(people), targets=fb.Standardize()
)
net.fit(people, income, fb.Adam(0.01), epochs=150, progress=False)

ax = fb.plot.decision(net, people, income)

plt.show()
