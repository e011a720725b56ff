"""Update rules: functions on flat lists that change params in place."""

from .scalars import Number, Row, sqrt


def sgd_update(
    params: Row,
    grad: Row,
    velocity: Row | None,
    learning_rate: Number = 1e-3,
    momentum: Number = 0.0,
    nesterov: bool = False,
    weight_decay: Number = 0.0,
) -> None:
    """Take one step of gradient descent in place: p <- p - eta g.

    With momentum mu and weight decay::

        g <- g + weight_decay p
        v <- mu v + g
        p <- p - eta v                  momentum
        p <- p - eta (g + mu v)         Nesterov: look ahead along the velocity

    Parameters
    ----------
    params, grad : lists (n_params,)
        params is changed in place.
    velocity : list (n_params,) or None
        v, changed in place; zeros before the first step, so that the first v is g. None will do
        when momentum is 0.
    learning_rate : number
        eta.
    momentum : number
        mu.
    nesterov : bool
    weight_decay : number
        Adds the gradient of weight_decay / 2 * p^2 to that of the loss.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
    Computational Mathematics and Mathematical Physics 4(5), 1964.
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equations 8 and 9.
    I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013, equations 1 to 4.

    Examples
    --------
    >>> params, velocity = [1.0], [0.0]
    >>> sgd_update(params, [2.0], velocity, learning_rate=0.25, momentum=0.5)
    >>> sgd_update(params, [2.0], velocity, learning_rate=0.25, momentum=0.5)
    >>> params, velocity
    ([-0.25], [3.0])
    """
    if momentum and velocity is None:
        raise ValueError("velocity must be a list where momentum is above 0, got None")
    for i, p in enumerate(params):
        g = grad[i]
        # A term that is switched off is left out, not multiplied by 0.0: a Fraction stays one.
        if weight_decay:
            g = g + weight_decay * p
        if velocity is not None:
            velocity[i] = momentum * velocity[i] + g if momentum else g
        if momentum and velocity is not None:
            g = g + momentum * velocity[i] if nesterov else velocity[i]
        params[i] = p - learning_rate * g


def adam_update(
    params: Row,
    grad: Row,
    m: Row,
    v: Row,
    step: int,
    learning_rate: Number = 1e-3,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    epsilon: Number = 1e-8,
) -> None:
    """Take one step of Adam in place.

    With running means of the gradient and of its square::

        m <- beta1 m + (1 - beta1) g            m_hat = m / (1 - beta1^step)
        v <- beta2 v + (1 - beta2) g^2          v_hat = v / (1 - beta2^step)
        p <- p - eta m_hat / (sqrt(v_hat) + epsilon)

    m and v begin at 0 and would be too small for a while; the hats divide by exactly the weight
    the gradients have in them so far.

    Parameters
    ----------
    params, grad : lists (n_params,)
        params is changed in place.
    m, v : lists (n_params,)
        Changed in place; zeros before the first step.
    step : int
        Number of this step, from 1.
    learning_rate : number
        eta.
    beta1, beta2, epsilon : numbers

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> params, m, v = [1.0], [0.0], [0.0]
    >>> adam_update(params, [4.0], m, v, step=1, learning_rate=0.5)
    >>> round(params[0], 6)
    0.5
    """
    for i, g in enumerate(grad):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        m_hat = m[i] / (1 - beta1**step)
        v_hat = v[i] / (1 - beta2**step)
        params[i] = params[i] - learning_rate * m_hat / (sqrt(v_hat) + epsilon)
