"""A control loop: a cart learns to balance a pole, by the gradient of a loss that is not a loss.

There are no targets, only the steps for which the pole stays up. REINFORCE makes actions more
probable by how much longer than usual the pole stayed up after them: with p the outputs,
L = -sum of advantage * log p[action], and net.backward(x, dL/dp) gives its gradient, with which
net.apply_gradients takes an optimizer's step.

The cart: A. G. Barto, R. S. Sutton, C. W. Anderson, "Neuronlike adaptive elements that can solve
difficult learning control problems", IEEE Transactions on Systems, Man, and Cybernetics 13, 1983.
The rule: R. J. Williams, "Simple statistical gradient-following algorithms for connectionist
reinforcement learning", Machine Learning 8, 1992.
"""

import numpy as np

import fastbp as fb

CARTS, LONGEST, UPDATES = 20, 200, 60
rng = np.random.default_rng(0)


def push(state, action):
    """Return the states of carts (n, 4) a fiftieth of a second after a push to left or right."""
    _, v, angle, spin = state.T
    force = np.where(action == 1, 10.0, -10.0)
    total, pole = 1.1, 0.05
    thrust = (force + pole * spin**2 * np.sin(angle)) / total
    turn = (9.8 * np.sin(angle) - np.cos(angle) * thrust) / (
        0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / total)
    )
    speed = thrust - pole * turn * np.cos(angle) / total
    return state + 0.02 * np.stack([v, speed, spin, turn], axis=1)


def balance(net):
    """Let carts go until all poles are down; return states, actions, and who was up, by step."""
    state, up = rng.uniform(-0.05, 0.05, (CARTS, 4)), np.ones(CARTS, bool)
    states, actions, ups = [], [], []
    while up.any() and len(ups) < LONGEST:
        probability = net.predict(state)[:, 1]
        action = (rng.random(CARTS) < probability).astype(int)
        states.append(state)
        actions.append(action)
        ups.append(up)
        state = np.where(up[:, np.newaxis], push(state, action), state)
        up = up & (np.abs(state[:, 0]) < 2.4) & (np.abs(state[:, 2]) < 0.21)
    return np.array(states), np.array(actions), np.array(ups)


net = fb.mlp([4, 16, 2], hidden="tanh", output="softmax", loss="cross_entropy")
optimizer = fb.Adam(learning_rate=0.03)
lengths = []
for update in range(1, UPDATES + 1):
    states, actions, ups = balance(net)
    lengths.append(ups.sum(axis=0).mean())

    # Steps still to come for each cart at each step, and how that differs from the others.
    still = np.cumsum(ups[::-1], axis=0)[::-1]
    advantage = (still[ups] - still[ups].mean()) / still[ups].std()

    x, action = states[ups], actions[ups]
    probabilities = net.predict(x)
    gradient = np.zeros_like(probabilities)
    chosen = np.arange(len(x)), action
    gradient[chosen] = -advantage / probabilities[chosen] / len(x)

    net.apply_gradients(net.backward(x, gradient), optimizer)
    if update % 10 == 0:
        print(f"update {update}: poles stay up {np.mean(lengths[-10:]):.0f} steps of {LONGEST}")
