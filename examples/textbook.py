"""The textbook example of backpropagation, figure by figure, in the twin and in the package.

x = 2 goes into one sigmoid unit (w1 = 0.5, b1 = 0) and on to one linear output (w2 = 0.8, b2 = 0);
the target is y = 1, the loss L = 1/2 (yhat - y)^2, the learning rate 0.1.

Texts that round in between (delta2 a1 = -0.415 * 0.731) print dL/dw2 = -0.303; the unrounded value
is
-0.3035.
"""

import fastbp as fb
from fastbp.reference import kernels

w1, b1, w2, b2, x, y, learning_rate = 0.5, 0.0, 0.8, 0.0, 2.0, 1.0, 0.1

# By hand, with the twin's kernels on plain numbers.
z1 = w1 * x + b1
a1 = kernels.sigmoid(z1)
z2 = w2 * a1 + b2
loss = (z2 - y) ** 2 / 2
delta2 = z2 - y
slope = kernels.sigmoid_prime(z1)
delta1 = w2 * delta2 * slope
print(f"forward    z1 = {z1:.3f}   a1 = {a1:.3f}   z2 = yhat = {z2:.3f}   L = {loss:.3f}")
print(f"output     delta2 = {delta2:.3f}   dL/dw2 = delta2 a1 = {delta2 * a1:.4f}")
print(
    f"hidden     s'(z1) = {slope:.3f}   delta1 = {delta1:.3f}   "
    f"dL/dw1 = delta1 x = {delta1 * x:.3f}"
)

# The same step by the package.
net = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
net.weights[0][:], net.biases[0][:] = w1, b1
net.weights[1][:], net.biases[1][:] = w2, b2
optimizer = fb.SGD(learning_rate)
net.train_step([[x]], [y], optimizer)
print(
    f"update     w2 = {net.weights[1][0, 0]:.3f}   b2 = {net.biases[1][0]:.3f}   "
    f"w1 = {net.weights[0][0, 0]:.3f}   b1 = {net.biases[0][0]:.3f}"
)

# And on, until the loss is small enough.
history = net.fit([[x]], [y], optimizer, epochs=10_000, stop=fb.Stop(loss=1e-6))
print(
    f"until L <= 1e-6: {len(history.loss)} more steps, stop_reason {history.stop_reason!r}, "
    f"yhat = {net.predict([[x]])[0, 0]:.3f}"
)
