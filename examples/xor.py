"""XOR: the smallest problem that needs a hidden layer.

No line parts the two inputs that differ from the two that do not; four hidden units bend it enough.
"""

import fastbp as fb

x = [[0, 0], [0, 1], [1, 0], [1, 1]]
y = [0, 1, 1, 0]

net = fb.mlp([2, 4, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
print(f"before: loss {net.evaluate(x, y):.3f}")

history = net.fit(x, y, fb.Adam(0.05), epochs=5000, stop=fb.Stop(loss=0.01), progress=False)
print(f"after {len(history.loss)} epochs: loss {history.loss[-1]:.3f}")

for row, target, found in zip(x, y, net.predict(x)[:, 0], strict=True):
    print(f"{row[0]} xor {row[1]} = {target}: {found:.3f}")
