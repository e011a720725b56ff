"""Sequential models of Keras to networks and back, by what they predict.

Keras needs a package to work on: torch here, unless KERAS_BACKEND says otherwise. On it, and on
jax, Keras multiplies numbers of float64 as float32, so that predictions of both dtypes agree as
float32 do; the parameters keep their bits.
"""

import os

import numpy as np
import pytest
from exchange import (
    arguments,
    both_dtypes,
    distance,
    every_activation,
    fill,
    layered,
    random_network,
    rows,
)
from structures import STRUCTURES, structure
from tolerance import EXCHANGED, assert_same_bits

import fastbp as fb

os.environ.setdefault("KERAS_BACKEND", "torch")
if os.environ["KERAS_BACKEND"] == "torch":
    pytest.importorskip("torch")
pytest.importorskip("keras")

import keras
from keras import layers

from fastbp.integrations.keras import from_keras, own_functions, to_keras

AGREED = EXCHANGED["float32"]
# PyTorch's arrays do not yet know numpy's newest argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def predictions(model, x):
    found = keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(x), training=False))
    return found.astype(x.dtype)


@both_dtypes
@every_activation
def test_every_activation_goes_there_and_back(activation, dtype):
    net = layered(activation, dtype)
    model = to_keras(net)
    x = rows(net)
    assert distance(predictions(model, x), net.predict(x)) <= AGREED
    back = from_keras(model, loss=net.loss)
    assert arguments(back) == arguments(net)
    assert_same_bits(back.params, net.params)


def test_random_networks_agree():
    worst = 0.0
    for seed in range(30):
        net = random_network(seed, ("float32", "float64")[seed % 2], ties=False)
        if any(layer.residual for layer in net.layers):
            continue
        x = rows(net, seed)
        model = to_keras(net)
        worst = max(worst, distance(predictions(model, x), net.predict(x)))
        back = from_keras(model, net.loss)
        assert arguments(back) == arguments(net)
        assert_same_bits(back.params, net.params)
    assert 0 < worst <= AGREED


# What Dense and Activation may be given, or a layer, and our name.
ACTIVATIONS = {
    **{name: name for name in ("sigmoid", "relu", "tanh", "softmax", "selu", "gelu", "silu")},
    **{name: name for name in ("softplus", "softsign", "hard_sigmoid", "hard_tanh", "mish")},
    "log_softmax": "log_softmax",
    "elu": "elu",
    "leaky_relu": "leaky_relu(0.2)",
    "linear": "identity",
    "exponential": "exp",
    "swish": "silu",
    layers.Identity(): "identity",
    layers.ReLU(): "relu",
    layers.Softmax(): "softmax",
    layers.LeakyReLU(): "leaky_relu(0.3)",
    layers.LeakyReLU(negative_slope=0.01): "leaky_relu",
    layers.ELU(): "elu",
    layers.ELU(alpha=0.5): "elu(0.5)",
    layers.Activation("tanh"): "tanh",
    own_functions()["gelu_tanh"]: "gelu_tanh",
    own_functions()["sin"]: "sin",
}


@pytest.mark.parametrize("apart", [False, True], ids=["in Dense", "apart"])
@pytest.mark.parametrize(
    "activation", ACTIVATIONS, ids=lambda activation: getattr(activation, "__name__", None)
)
def test_a_network_predicts_what_the_model_does(activation, apart):
    keras.utils.set_random_seed(3)
    if apart:
        is_layer = isinstance(activation, layers.Layer)
        middle = [layers.Dense(9), activation if is_layer else layers.Activation(activation)]
    else:
        middle = [layers.Dense(9, activation=activation)]
    model = keras.Sequential([keras.Input((4,)), *middle, layers.Dense(3)])
    net = from_keras(model, seed=8)
    assert [layer.activation for layer in net.layers] == [ACTIVATIONS[activation], "identity"]
    assert (net.loss, net.dtype, net.seed) == ("mse", "float32", 8)
    x = rows(net)
    assert distance(net.predict(x), predictions(model, x)) <= AGREED


def model_of(*made, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *made])


def normalised(dtype):
    """Return a model with nested parts, norms that have values of their own, and dropout."""
    keras.utils.set_random_seed(1)
    more = {"epsilon": 1e-5, "dtype": dtype}
    batch = layers.BatchNormalization(momentum=0.75, **more)
    first = [layers.Dense(9, dtype=dtype), batch, layers.Activation("tanh", dtype=dtype)]
    second = [layers.Dense(7, use_bias=False, dtype=dtype), layers.LayerNormalization(**more)]
    frozen = layers.Dense(3, "softmax", dtype=dtype, trainable=False)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype=dtype),
            keras.Sequential([keras.Input((6,), dtype=dtype), *first]),
            layers.Dropout(0.3, dtype=dtype),
            *second,
            frozen,
        ]
    )
    rng = np.random.default_rng(2)
    for variable in model.weights:
        value = keras.ops.convert_to_numpy(variable)
        if value.dtype == dtype:
            variable.assign(value + rng.uniform(0.1, 0.5, value.shape))
    return model


@both_dtypes
def test_nested_models_norms_and_frozen_layers_come_over(dtype):
    model = normalised(dtype)
    net = from_keras(model)
    assert (net.loss, net.dtype) == ("cross_entropy", dtype)
    found = [(a.activation, a.norm, a.dropout, a.bias, a.trainable) for a in net.layers]
    assert found == [
        ("tanh", "batch(0.25)", 0.3, True, True),
        ("identity", "layer", 0.0, False, True),
        ("softmax", None, 0.0, True, False),
    ]
    x = rows(net)
    assert distance(net.predict(x), predictions(model, x)) <= AGREED
    back = to_keras(net)
    assert [layer.trainable for layer in back.layers] == [True] * 6 + [False, True]
    again = from_keras(back)
    assert arguments(again) == arguments(net)
    assert_same_bits(again.params, net.params)


def test_a_model_that_was_saved_is_the_same(tmp_path):
    net = fill(fb.mlp([4, 5, 5, 3], "gelu_tanh", "sin", dtype="float64"))
    to_keras(net).save(tmp_path / "model.keras")
    back = from_keras(keras.models.load_model(tmp_path / "model.keras"))
    assert arguments(back) == arguments(net)
    assert_same_bits(back.params, net.params)


def test_a_model_trains():
    net = fill(fb.mlp([4, 5, 3], "tanh"))
    model = to_keras(net)
    x = rows(net)
    y = np.sin(x[:, :3])
    model.compile("sgd", "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=3, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    trained = from_keras(model)
    assert distance(trained.predict(x), predictions(model, x)) <= AGREED
    assert not np.array_equal(trained.params, net.params)


class Twice(layers.Layer):
    def call(self, z):
        return 2 * z


class MyDense(layers.Dense):
    pass


class Other(keras.Sequential):
    def call(self, z, training=None, mask=None):
        return 2 * super().call(z)


def dense(**more):
    return layers.Dense(3, **more)


def norm(**more):
    return layers.LayerNormalization(**{"epsilon": 1e-5, **more})


def batch(**more):
    return layers.BatchNormalization(**{"epsilon": 1e-5, **more})


STRANGE = {
    "PReLU": ([dense(), layers.PReLU()], r"layer 1 \(PReLU\) must be one of Dense, .*, got"),
    "own": ([dense(), Twice()], r"layer 1 \(Twice\) must be one of"),
    "own Dense": ([MyDense(3)], r"layer 0 \(MyDense\) must be one of"),
    "nested": ([dense(), model_of(Twice())], r"layer 1\.0 \(Twice\) must be one of"),
    "EinsumDense": ([layers.EinsumDense("ab,bc->ac", 3)], r"\(EinsumDense\) must be one of"),
    "unknown activation": (
        [dense(activation="relu6")],
        r"layer 0 \(Dense\) must have one of Keras's activations .*, got 'relu6'",
    ),
    "function": (
        [dense(activation=lambda z: 2 * z)],
        r"must have one of Keras's activations .*, got '<lambda>'",
    ),
    "operation": (
        [dense(), layers.Activation(keras.ops.cos)],
        r"layer 1 \(Activation\) must have one of Keras's activations .*, got 'cos'",
    ),
    "layer inside": (
        [dense(activation=layers.PReLU())],
        r"activation of layer 0 \(Dense\) must be one of",
    ),
    "ReLU with an end": ([dense(), layers.ReLU(6)], r"\(ReLU\) must have max_value=None, got 6"),
    "ReLU with a slope": ([dense(), layers.ReLU(None, 0.1)], r"must have negative_slope=0\.0"),
    "ReLU with a threshold": ([dense(), layers.ReLU(threshold=1)], r"must have threshold=0\.0"),
    "softmax over rows": (
        [dense(), layers.Softmax(axis=0)],
        r"\(Softmax\) must have axis=-1, got 0",
    ),
    "norm first": ([norm(), dense()], r"layer 0 \(LayerNormalization\) must come in the order"),
    "norm after activation": (
        [dense(activation="relu"), norm()],
        r"layer 1 \(LayerNormalization\) .*, got norm after activation",
    ),
    "two activations": (
        [dense(activation="relu"), layers.Activation("tanh")],
        r"layer 1 \(Activation\) .*, got activation after activation",
    ),
    "dropout first": ([layers.Dropout(0.5), dense()], r"got dropout after nothing"),
    "dropout last": ([dense(), layers.Dropout(0.5)], r"dropout of the last layer must be 0"),
    "dropout of rows": (
        [dense(), layers.Dropout(0.5, noise_shape=(1, 3)), dense()],
        r"\(Dropout\) must have noise_shape=None",
    ),
    "flatten late": (
        [dense(), layers.Flatten()],
        r"layer 1 \(Flatten\) must come before all dense",
    ),
    "epsilon": ([dense(), norm(epsilon=1e-3)], r"must have epsilon=1e-05, got 0\.001"),
    "epsilon of a batch": ([dense(), batch(epsilon=1e-3)], r"must have epsilon=1e-05, got 0\.001"),
    "no scale": ([dense(), norm(scale=False)], r"must have scale=True, got False"),
    "no center": ([dense(), batch(center=False)], r"must have center=True, got False"),
    "half frozen": (
        [dense(), norm(trainable=False)],
        r"\(LayerNormalization\) must be trainable like the dense layer before it \(True\)",
    ),
    "half precision": ([dense(dtype="float16")], r"must have parameters of float32 or float64"),
    "bfloat16": ([dense(dtype="bfloat16")], r"must have parameters of float32 or float64"),
    "mixed precision": (
        [dense(dtype="mixed_float16")],
        r"must compute in the dtype of its variables \(float32\), got float16",
    ),
    "two dtypes": (
        [dense(dtype="float64"), dense(dtype="float32")],
        r"layer 1 \(Dense\) must be of float64 like the layers before it, got float32",
    ),
    "activation of another dtype": (
        [dense(dtype="float64"), layers.Activation("tanh", dtype="float32")],
        r"layer 1 \(Activation\) must be of float64 like the layers before it, got float32",
    ),
    "no Dense": ([layers.Flatten()], r"model must hold at least 1 dense layer, got none"),
}


@pytest.mark.parametrize(("made", "message"), STRANGE.values(), ids=STRANGE)
def test_what_has_no_counterpart_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        from_keras(model_of(*made))


def test_what_is_no_built_sequential_is_refused():
    x = keras.Input((3,))
    for wrong in (None, layers.Dense(3), keras.Model(x, layers.Dense(3)(x)), keras.Sequential):
        with pytest.raises(TypeError, match=r"^model must be a keras\.Sequential, got"):
            from_keras(wrong)
    with pytest.raises(ValueError, match=r"^model must be built \(give it an Input\), got"):
        from_keras(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match=r"^model must have the call of Sequential, got Other's"):
        from_keras(Other([keras.Input((3,)), layers.Dense(3)]))
    with pytest.raises(ValueError, match=r"^model must take rows \(n_rows, n_in\), got .*2, 3"):
        from_keras(model_of(layers.Dense(3), shape=(2, 3)))
    with pytest.raises(TypeError, match=r"^net must be a fastbp\.Network, got None"):
        to_keras(None)


def test_flatten_first_is_taken():
    keras.utils.set_random_seed(5)
    model = model_of(layers.Flatten(), layers.Dense(3, "tanh"), shape=(2, 4))
    images = np.random.default_rng(0).normal(size=(5, 2, 4)).astype("float32")
    got = from_keras(model).predict(images.reshape(5, 8))
    assert distance(got, predictions(model, images)) <= AGREED


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_go_there_or_are_refused_by_layer_and_argument(name):
    net = structure(fb, name)
    bad = [
        (index, argument)
        for index, layer in enumerate(net.layers)
        for argument in ("residual", "tied_to")
        if getattr(layer, argument) is not getattr(fb.Dense(1), argument)
    ]
    if not bad:
        assert arguments(from_keras(to_keras(net), net.loss)) == arguments(net)
        return
    index, argument = bad[0]
    with pytest.raises(ValueError, match=rf"^net must have .* {argument}=.* in layers\[{index}\]"):
        to_keras(net)


def test_a_custom_activation_is_refused():
    fb.register_activation("kerass_tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    with pytest.raises(
        ValueError, match=r"^net must have activations .* 'kerass_tanh' in layers\[0"
    ):
        to_keras(fb.mlp([2, 3, 1], "kerass_tanh"))
