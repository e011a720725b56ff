"""Backpropagation in plain Python: the whole system, written to be read.

Nothing here needs more than the standard library, and nothing is fast. Matrices are lists of rows,
and a number may be a float, a fractions.Fraction, a decimal.Decimal, a complex or an mpmath.mpf,
so the same lines that train a network also compute its gradient exactly, or to fifty digits. That
makes this package the oracle against which the compiled kernels are tested.

For layer l with weight W^l of shape (n_out, n_in) and bias b^l, starting from a^0 = x::

    z^l = W^l a^(l-1) + b^l            a^l = s(z^l)                         forward
    delta^L = dL/dz^L                  delta^l = (W^(l+1))^T delta^(l+1) * s'(z^l)   backward
    dL/dW^l = delta^l (a^(l-1))^T      dL/db^l = delta^l                    gradients
    W^l <- W^l - eta dL/dW^l                                                update

A good order to read the files, each of which is one idea:

1. ``activations``: s and s', side by side.
2. ``losses``: L and delta^L = dL/dz^L, side by side.
3. ``layers``: one layer forward, one layer backward, its gradients.
4. ``backpropagation``: the two walks through all layers. This is the heart.
5. ``optimizers``: what to do with a gradient, and what to remember of it; ``optimizers.sgd`` first.
6. ``initializers`` and ``parameters``: where the weights begin and how they lie in one list.
7. ``network``: the pieces above as one object.
8. ``training``, ``schedules``, ``stopping`` and ``history``: the loop, how long its steps are, when
   to leave it, and what it leaves.

``standardization`` brings inputs and targets to mean 0 and standard deviation 1.
``gradient_check`` finds out from values of the loss alone whether a gradient is right.
``custom`` takes activations and losses of your own, once their derivatives have been checked.
``scalars`` finds exp, log, sqrt and tanh for each type of number, ``checks`` refuses bad input and
``kernels`` lists the functions that have a compiled counterpart.

Every sum runs in plain ascending order of its index. The compiled kernels add in blocks of fixed
length; that changes how a sum is rounded, never what is summed.

Examples
--------
>>> from fastbp import reference
>>> net = reference.mlp([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
>>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
>>> history = net.fit(x, y, reference.Adam(0.1), epochs=500, batch_size=4)
>>> history.loss[-1] < history.loss[0]
True
"""

from . import kernels
from .custom import register_activation, register_loss
from .gradient_check import check_gradients
from .history import History
from .layers import Dense
from .network import Network, mlp
from .optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)
from .parameters import Gradients
from .schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    Linear,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
)
from .standardization import Standardize
from .stopping import Stop

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Constant",
    "Cosine",
    "Dense",
    "ExponentialDecay",
    "Gradients",
    "History",
    "InverseScaling",
    "Linear",
    "Lion",
    "NAdam",
    "Network",
    "OneCycle",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "Standardize",
    "StepDecay",
    "Stop",
    "Warmup",
    "check_gradients",
    "kernels",
    "mlp",
    "register_activation",
    "register_loss",
]
