"""Adam and the rules that change one thing about it."""

from __future__ import annotations

from typing import Unpack

from fastbp.optimizers.optimizer import (
    DECOUPLED_DECAY,
    OWN,
    DecayAndShaping,
    Optimizer,
    Setting,
    Shaping,
    above_zero,
    decay,
    not_negative,
)


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
    p <- p - learning_rate m^ / (sqrt(v^) + epsilon), m^ = m / (1 - beta1^t), v^ = v / (1 -
    beta2^t).

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the two means, in [0, 1).
    epsilon : float
        Added to the root, above 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Adam(3e-4)
    Adam(learning_rate=0.0003, beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    rule = "adam"
    rule_slots = 2
    beta1 = Setting(OWN, decay)
    beta2 = Setting(OWN + 1, decay)
    epsilon = Setting(OWN + 2, above_zero)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p <- p - learning_rate weight_decay p before its step.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the two means, in [0, 1).
    epsilon : float
        Added to the root, above 0.
    weight_decay : float
        lambda, at least 0.
    **shaping
        l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, Algorithm 2.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.AdamW(1e-3, weight_decay=0.05)
    AdamW(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.05)
    """

    weight_decay = Setting(DECOUPLED_DECAY, not_negative)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 1e-2,
        **shaping: Unpack[Shaping],
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay, **shaping)


class Adamax(Optimizer):
    """Adamax: Adam with the largest recent gradient instead of the root of a mean of squares.

    ::

        m <- beta1 m + (1 - beta1) g;  u <- max(beta2 u, |g| + epsilon)
        p <- p - learning_rate / (1 - beta1^t) m / u

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the mean and of the maximum, in [0, 1).
    epsilon : float
        Added to ``|g|``, above 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 2.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Adamax()
    Adamax(learning_rate=0.002, beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    rule = "adamax"
    rule_slots = 2
    beta1 = Setting(OWN, decay)
    beta2 = Setting(OWN + 1, decay)
    epsilon = Setting(OWN + 2, above_zero)

    def __init__(
        self,
        learning_rate: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
        )


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's look ahead along its first mean.

    m and v as Adam's, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t;
    p <- p - learning_rate ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) /
    (sqrt(v^) + epsilon).

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the two means, in [0, 1).
    epsilon : float
        Added to the root, above 0.
    momentum_decay : float
        psi, at least 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, Algorithm 2, with the
    schedule of mu that its section 3 recommends.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.NAdam()
    NAdam(learning_rate=0.002, beta1=0.9, beta2=0.999, epsilon=1e-08, momentum_decay=0.004)
    """

    rule = "nadam"
    rule_slots = 2
    beta1 = Setting(OWN, decay)
    beta2 = Setting(OWN + 1, decay)
    epsilon = Setting(OWN + 2, above_zero)
    momentum_decay = Setting(OWN + 3, not_negative)

    def __init__(
        self,
        learning_rate: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 4e-3,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            momentum_decay=momentum_decay,
        )


class RAdam(Optimizer):
    """RAdam: Adam that does without its second mean until that is worth trusting.

    m and v as Adam's;  p <- p - learning_rate r_t m^ sqrt(1 - beta2^t) / (sqrt(v) + epsilon), or
    p - learning_rate m^ in the first steps, while rho_t <= 5.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the two means, in [0, 1).
    epsilon : float
        Added to the root, above 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao, J. Han, "On the variance of the adaptive
    learning rate and beyond", ICLR 2020, Algorithm 2.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.RAdam()
    RAdam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    rule = "radam"
    rule_slots = 2
    beta1 = Setting(OWN, decay)
    beta2 = Setting(OWN + 1, decay)
    epsilon = Setting(OWN + 2, above_zero)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
        )


class Lion(Optimizer):
    """Lion: every parameter moves by the same amount, in the sign of a mean of the gradients.

    p <- p - learning_rate (sign(beta1 m + (1 - beta1) g) + weight_decay p);
    m <- beta2 m + (1 - beta2) g.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0; a third to a tenth of what Adam would take.
    beta1, beta2 : float
        In [0, 1).
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, Algorithm 2.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Lion(1e-4)
    Lion(learning_rate=0.0001, beta1=0.9, beta2=0.99, weight_decay=0.0)
    """

    rule = "lion"
    rule_slots = 1
    beta1 = Setting(OWN, decay)
    beta2 = Setting(OWN + 1, decay)
    weight_decay = Setting(DECOUPLED_DECAY, not_negative)

    def __init__(
        self,
        learning_rate: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
        )
