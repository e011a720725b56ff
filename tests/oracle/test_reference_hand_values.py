"""The pure-Python twin against numbers worked out by hand."""

import inspect
import math
from decimal import Decimal
from fractions import Fraction

import pytest

from fastbp import reference
from fastbp.reference import kernels
from fastbp.reference.optimizers import OPTIMIZERS

F = Fraction
E = math.e


def textbook_network():
    """Make x -> sigmoid(0.5 x) -> 0.8 a, with half the squared error."""
    net = reference.mlp([1, 1, 1], hidden="sigmoid", output="identity", loss="mse")
    net.params = [0.5, 0.0, 0.8, 0.0]
    return net


def test_textbook_forward():
    z1 = kernels.dense_forward([[2.0]], [[0.5]], [0.0])
    a1 = kernels.sigmoid(z1[0][0])
    z2 = kernels.dense_forward([[a1]], [[0.8]], [0.0])
    assert z1 == [[1.0]]
    assert round(a1, 3) == 0.731
    assert a1 == pytest.approx(E / (1 + E), rel=1e-12)
    assert round(z2[0][0], 3) == 0.585
    assert z2[0][0] == pytest.approx(0.8 * E / (1 + E), rel=1e-12)
    assert textbook_network().predict([[2.0]]) == z2
    loss = textbook_network().evaluate([[2.0]], [1.0])
    assert round(loss, 3) == 0.086
    assert loss == pytest.approx((0.8 * E / (1 + E) - 1) ** 2 / 2, rel=1e-12)


def test_textbook_backward():
    a1 = E / (1 + E)
    delta2 = kernels.output_delta([[0.8 * a1]], [[1.0]])[0][0]
    assert round(delta2, 3) == -0.415
    assert delta2 == pytest.approx(0.8 * a1 - 1, rel=1e-12)
    assert round(kernels.sigmoid_prime(1.0), 3) == 0.197
    assert kernels.sigmoid_prime(1.0) == pytest.approx(E / (1 + E) ** 2, rel=1e-12)
    delta1 = kernels.hidden_delta([[0.8]], [[delta2]], [[1.0]], "sigmoid")[0][0]
    assert round(delta1, 3) == -0.065
    assert delta1 == pytest.approx((0.8 * a1 - 1) * 0.8 * E / (1 + E) ** 2, rel=1e-12)

    _, gradients = textbook_network().gradient([[2.0]], [1.0])
    dw1, db1, dw2, db2 = gradients.flat
    assert round(dw1, 3) == -0.131
    # -0.303 is the product of the rounded factors; unrounded it is -0.3035.
    assert round(round(delta2, 3) * round(a1, 3), 3) == -0.303
    assert dw2 == pytest.approx(-0.303, abs=1e-3)
    assert dw2 == pytest.approx(delta2 * a1, rel=1e-12)
    assert db2 == pytest.approx(delta2, rel=1e-12)
    assert dw1 == pytest.approx(delta1 * 2, rel=1e-12)
    assert db1 == pytest.approx(delta1, rel=1e-12)
    assert gradients.inputs[0][0] == pytest.approx(delta1 * 0.5, rel=1e-12)


def test_textbook_update():
    net = textbook_network()
    a1 = E / (1 + E)
    delta2 = 0.8 * a1 - 1
    delta1 = delta2 * 0.8 * E / (1 + E) ** 2
    loss = net.train_step([[2.0]], [1.0], reference.SGD(0.1))
    assert loss == pytest.approx(delta2**2 / 2, rel=1e-12)
    w1, b1, w2, b2 = net.params
    assert (round(w2, 3), round(w1, 3)) == (0.830, 0.513)
    assert (round(b2, 3), round(b1, 3)) == (0.042, 0.007)
    assert w2 == pytest.approx(0.8 - 0.1 * delta2 * a1, rel=1e-12)
    assert b2 == pytest.approx(-0.1 * delta2, rel=1e-12)
    assert w1 == pytest.approx(0.5 - 0.1 * delta1 * 2, rel=1e-12)
    assert b1 == pytest.approx(-0.1 * delta1, rel=1e-12)


def test_textbook_training_stops_by_itself():
    net = textbook_network()
    stop = reference.Stop(loss=1e-6)
    history = net.fit([[2.0]], [1.0], reference.SGD(0.1), epochs=10_000, stop=stop)
    assert history.stop_reason == "loss"
    assert history.loss[-1] <= 1e-6 < history.loss[-2]
    assert all(late < early for early, late in zip(history.loss, history.loss[1:], strict=False))
    assert len(history.loss) == len(history.seconds) < 10_000


def fraction_network():
    """Make a 2-2-2 network of relu and identity with small integer weights."""
    net = reference.mlp([2, 2, 2], hidden="relu", output="identity", dtype=Fraction)
    net.weights[0][:] = [[F(1), F(-2)], [F(3), F(1)]]
    net.biases[0][:] = [F(1), F(-1)]
    net.weights[1][:] = [[F(2), F(1)], [F(-1), F(1, 2)]]
    net.biases[1][:] = [F(0), F(1)]
    return net


def test_two_by_two_in_fractions():
    # Row (1, 2):  z1 = (1-4+1, 3+2-1) = (-2, 4), a1 = (0, 4), z2 = (4, 3).
    # Row (2, 1):  z1 = (2-2+1, 6+1-1) = (1, 6),  a1 = (1, 6), z2 = (8, 3).
    # Targets (3, 3) and (6, 5): errors (1, 0) and (2, -2); L = (1/2 + 4) / 2 = 9/4.
    # delta2 = (1/2, 0) and (1, -1).
    # W2^T delta2 = (1, 1/2) and (3, 1/2); relu' = (0, 1) and (1, 1).
    # delta1 = (0, 1/2) and (3, 1/2).
    x, y = [[1, 2], [2, 1]], [[3, 3], [6, 5]]
    loss, gradients = fraction_network().gradient(x, y)
    assert loss == F(9, 4)
    assert gradients.weights[1] == [[1, 8], [-1, -6]]
    assert gradients.biases[1] == [F(3, 2), -1]
    assert gradients.weights[0] == [[6, 3], [F(3, 2), F(3, 2)]]
    assert gradients.biases[0] == [3, 1]
    assert gradients.inputs == [[F(3, 2), F(1, 2)], [F(9, 2), F(-11, 2)]]
    assert gradients.flat == [
        *(6, F(3, 2), 3, F(3, 2), 3, 1),
        *(1, -1, 8, -6, F(3, 2), -1),
    ]
    assert all(isinstance(g, Fraction) for g in [loss, *gradients.flat])


def test_row_weights_in_fractions():
    # L_r = 1/2 and 4 with weights 3 and 1: L = (3/2 + 4) / 4.
    x, y = [[1, 2], [2, 1]], [[3, 3], [6, 5]]
    net = fraction_network()
    loss, gradients = net.gradient(x, y, sample_weight=[3, 1])
    assert loss == F(11, 8) == net.evaluate(x, y, [3, 1])
    assert gradients.biases[1] == [F(3, 4) + F(1, 2), F(-1, 2)]
    only_second, _ = net.gradient(x, y, sample_weight=[0, 1])
    assert only_second == 4


def test_exact_step_keeps_fractions():
    net = fraction_network()
    before = net.params
    x, y = [[1, 2], [2, 1]], [[3, 3], [6, 5]]
    gradient = net.gradient(x, y)[1].flat
    assert net.train_step(x, y, reference.SGD(F(1, 10))) == F(9, 4)
    assert net.params == [p - g / 10 for p, g in zip(before, gradient, strict=True)]
    assert all(isinstance(p, Fraction) for p in net.params)


def test_backward_does_not_divide_by_rows():
    x = [[1, 2], [2, 1]]
    gradients = fraction_network().backward(x, [[F(1, 2), 0], [1, -1]])
    assert gradients.weights[0] == [[6, 3], [F(3, 2), F(3, 2)]]
    assert gradients.biases[1] == [F(3, 2), -1]


def test_layer_without_bias():
    net = reference.Network(1, [reference.Dense(2, bias=False), reference.Dense(1)], dtype=F)
    net.params = [2, 3, 5, 7, 11]
    assert net.weights == [[[2], [3]], [[5, 7]]]
    assert net.biases == [None, [11]]
    assert net.predict([[1]]) == [[10 + 21 + 11]]
    _, gradients = net.gradient([[1]], [[41]])
    assert gradients.biases == [None, [1]]
    assert gradients.flat == [5, 7, 2, 3, 1]


def test_flat_layout_is_the_transposed_weight_then_the_bias():
    net = reference.mlp([2, 3])
    net.params = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert net.weights == [[[1, 4], [2, 5], [3, 6]]]
    assert net.biases == [[7, 8, 9]]
    assert net.params == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_losses_at_zero():
    assert kernels.loss_value([[0.0] * 4], [2], "softmax", "cross_entropy") == pytest.approx(
        math.log(4), rel=1e-15
    )
    assert kernels.output_delta([[0.0] * 4], [2], "softmax", "cross_entropy") == [
        [0.25, 0.25, -0.75, 0.25]
    ]
    two_outputs = kernels.loss_value([[0.0, 0.0]], [[1, 0]], "sigmoid", "binary_cross_entropy")
    assert two_outputs == pytest.approx(2 * math.log(2), rel=1e-15)
    assert kernels.output_delta([[0.0]], [0.25], "sigmoid", "binary_cross_entropy") == [[0.25]]


def test_class_indices_and_one_hot_rows_agree():
    z = [[0.3, -1.0, 2.0], [1.0, 0.5, 0.25]]
    for kernel in (kernels.loss_value, kernels.output_delta):
        by_index = kernel(z, [2, 0], "softmax", "cross_entropy")
        assert by_index == kernel(z, [[0, 0, 1], [1, 0, 0]], "softmax", "cross_entropy")


def sgd_path(steps, **arguments):
    """Return the parameter after each step from 1 with the constant gradient 2."""
    params, velocity, path = [F(1)], [F(0)], []
    for _ in range(steps):
        kernels.sgd_update(params, [F(2)], velocity, F(1, 4), **arguments)
        path.append(params[0])
    return path


def test_sgd_by_hand():
    assert sgd_path(2) == [F(1, 2), 0]
    # v = 2, 3, 7/2.
    assert sgd_path(3, momentum=F(1, 2)) == [F(1, 2), F(-1, 4), F(-9, 8)]
    # g + mu v = 3, 7/2, 15/4.
    assert sgd_path(3, momentum=F(1, 2), nesterov=True) == [F(1, 4), F(-5, 8), F(-25, 16)]
    # g = 2 + 1/2, then 2 + 3/16.
    assert sgd_path(2, weight_decay=F(1, 2)) == [F(3, 8), F(-11, 64)]


def test_sgd_velocity_without_momentum_is_the_gradient():
    params, velocity = [F(1)], [F(5)]
    kernels.sgd_update(params, [F(2)], velocity, F(1, 4))
    assert (params, velocity) == ([F(1, 2)], [F(2)])
    kernels.sgd_update(params, [F(2)], None, F(1, 4))
    assert params == [0]
    with pytest.raises(ValueError, match="velocity must be a list where momentum is above 0"):
        kernels.sgd_update(params, [F(2)], None, F(1, 4), momentum=F(1, 2))


def test_sgd_object_carries_the_velocity():
    net = reference.mlp([1, 1], dtype=Fraction)
    net.params = [1, 0]
    optimizer = reference.SGD(F(1, 4), momentum=F(1, 2))
    # L = 1/2 (w x + b - y)^2 with x = 1, y = 0: both gradients are w + b.
    net.train_step([[1]], [0], optimizer)
    assert net.params == [F(3, 4), F(-1, 4)]
    net.train_step([[1]], [0], optimizer)  # g = 1/2, v = 1/2 + 1/2
    assert net.params == [F(1, 2), F(-1, 2)]
    optimizer.reset()
    net.params = [1, 0]
    net.train_step([[1]], [0], optimizer)
    assert net.params == [F(3, 4), F(-1, 4)]


def test_adam_by_hand():
    # g = 3: m = 0.3, v = 0.009, both hats give 3 and 9, so the step is 0.5 * 3 / (3 + 1).
    params, m, v = [Decimal(1)], [Decimal(0)], [Decimal(0)]
    numbers = [Decimal(text) for text in ("0.5", "0.9", "0.999", "1")]
    kernels.adam_update(params, [Decimal(3)], m, v, 1, *numbers)
    assert (m, v) == ([Decimal("0.3")], [Decimal("0.009")])
    assert params[0] == pytest.approx(Decimal("0.625"), abs=Decimal("1e-25"))
    # g = 1: m = 0.37, v = 0.009991; m_hat = 0.37 / 0.19, v_hat = 0.009991 / 0.001999.
    kernels.adam_update(params, [Decimal(1)], m, v, 2, *numbers)
    assert (m, v) == ([Decimal("0.37")], [Decimal("0.009991")])
    step = 0.5 * (0.37 / 0.19) / (math.sqrt(0.009991 / 0.001999) + 1)
    assert float(params[0]) == pytest.approx(0.625 - step, rel=1e-14)


def test_adam_is_the_form_with_corrected_learning_rate():
    params, m, v = [0.3, -2.0], [0.0, 0.0], [0.0, 0.0]
    other, n, w = list(params), [0.0, 0.0], [0.0, 0.0]
    for t in range(1, 6):
        grad = [math.sin(t), 1e-6 * t]
        kernels.adam_update(params, grad, m, v, t)
        for i, g in enumerate(grad):
            n[i] = 0.9 * n[i] + 0.1 * g
            w[i] = 0.999 * w[i] + 0.001 * g**2
            denominator = math.sqrt(w[i]) / math.sqrt(1 - 0.999**t) + 1e-8
            other[i] -= 1e-3 / (1 - 0.9**t) * n[i] / denominator
    assert params == pytest.approx(other, rel=1e-12)


def test_adam_object_is_the_kernel():
    net = reference.mlp([2, 2], seed=3)
    x, y = [[0.5, -1.0]], [[1.0, 2.0]]
    optimizer = reference.Adam(0.1)
    params = net.params
    m, v = [0.0] * 6, [0.0] * 6
    for step in (1, 2, 3):
        gradient = net.gradient(x, y)[1].flat
        net.train_step(x, y, optimizer)
        kernels.adam_update(params, gradient, m, v, step, learning_rate=0.1)
        assert net.params == params


def test_softmax_vjp_by_hand():
    # softmax(0, log 2) = (1/3, 2/3); g = (1, 0): mean 1/3; (1/3 * 2/3, 2/3 * -1/3).
    vjp = kernels.softmax_vjp([[0.0, math.log(2)]], [[1.0, 0.0]])
    assert vjp[0] == pytest.approx([2 / 9, -2 / 9], rel=1e-14)


def test_decimal_network():
    net = reference.mlp([1, 1, 1], hidden="tanh", output="sigmoid", dtype=Decimal)
    net.params = [Decimal(text) for text in ("0.5", "0", "0.8", "0")]
    predicted = net.predict([[2]])[0][0]
    assert isinstance(predicted, Decimal)
    exact = 1 / (1 + (-Decimal("0.8") * (1 - Decimal(-2).exp()) / (1 + Decimal(-2).exp())).exp())
    assert predicted == pytest.approx(exact, abs=Decimal("1e-26"))
    net.fit([[2], [1]], [1, 0], reference.Adam(), epochs=2)
    assert all(isinstance(p, Decimal) for p in net.params)


def test_fraction_has_no_exp():
    with pytest.raises(TypeError, match=r"exp needs a number type that has it .* got Fraction"):
        kernels.sigmoid(F(1))


def test_public_names():
    optimizers = [kind.__name__ for kind in OPTIMIZERS.values()]
    names = ["mlp", "Network", "Dense", "Stop", "History", "Gradients", "kernels"]
    names += ["check_gradients", "register_activation", "register_loss", "Standardize"]
    schedules = ["Schedule", "StepDecay", "ExponentialDecay", "InverseScaling", "Linear", "Cosine"]
    schedules += ["Constant", "Warmup", "OneCycle", "ReduceOnPlateau"]
    assert sorted(reference.__all__) == sorted(names + optimizers + schedules)
    for name in kernels.__all__:
        assert inspect.isfunction(getattr(kernels, name))
