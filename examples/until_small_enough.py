"""Train until the loss is small enough, with a limit of time for the case that it never is.

The rows are one wave of a sine, which 16 hidden units can follow as closely as is wanted.
"""

import numpy as np

import fastbp as fb

x = np.linspace(-1, 1, 200)[:, np.newaxis]
y = np.sin(np.pi * x)

net = fb.mlp([1, 16, 1], hidden="tanh", dtype="float64")
stop = fb.Stop(loss=1e-5, seconds=20)
history = net.fit(x, y, fb.Adam(0.01), epochs=100_000, stop=stop, progress=False)

print(f"stop_reason {history.stop_reason!r} after {len(history.loss)} epochs")
print(f"loss {history.loss[-1]:.2e}")
print(f"largest error {np.abs(net.predict(x) - y).max():.3f}")

for limit in (1e-2, 1e-3, 1e-4, 1e-5):
    reached = next(epoch for epoch, loss in enumerate(history.loss, 1) if loss <= limit)
    print(f"loss <= {limit:g} in epoch {reached}")
