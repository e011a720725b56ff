"""Normalisation of z, before the activation: n = (z - mean) / sqrt(var + epsilon).

What the mean and the variance are of makes the two kinds. Layer normalisation takes the units of a
row; batch normalisation takes the rows of a batch, for each unit by itself. Both are the same
function of a list of values, each with its share in the mean, and differ only in running along the
rows of z or down its columns. Then scale n + shift gives every unit back the size and the place
that suit it.

References
----------
S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, Algorithm 1 and section 3.
J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016, equations 3 and 4.
"""

from .scalars import Number, Row, Rows, add_up, sqrt

EPSILON = 1e-5
NORMS = ("layer", "batch")


def split_norm(norm: str) -> tuple[str, float]:
    """Return (name, share of a batch in the running mean and variance) of "layer" or "batch(m)".

    Examples
    --------
    >>> split_norm("batch"), split_norm("batch(momentum=0.5)")
    (('batch', 0.1), ('batch', 0.5))
    """
    name, bracket, rest = norm.partition("(")
    if name not in NORMS or (bracket and name != "batch"):
        raise ValueError(f"norm must be 'layer', 'batch' or 'batch(momentum)', got {norm!r}")
    momentum = float(rest.rstrip(")").removeprefix("momentum=")) if bracket else 0.1
    if not 0 < momentum < 1:
        raise ValueError(f"momentum of norm 'batch' must be above 0 and below 1, got {momentum}")
    return name, momentum


def mean_and_variance(values: Row, shares: Row) -> tuple[Number, Number]:
    """Mean = sum_i share_i v_i, var = sum_i share_i (v_i - mean)^2; the shares add up to 1.

    Examples
    --------
    >>> mean_and_variance([1.0, 3.0], [0.5, 0.5])
    (2.0, 1.0)
    """
    mean = add_up(share * v for share, v in zip(shares, values, strict=True))
    variance = add_up(
        share * (v - mean) * (v - mean) for share, v in zip(shares, values, strict=True)
    )
    return mean, variance


def inverse_deviation(variance: Number) -> Number:
    """1 / sqrt(var + epsilon); epsilon keeps a constant value from being divided by 0."""
    return 1 / sqrt(variance + EPSILON)


def through_statistics(gradient: Row, normed: Row, inverse: Number, shares: Row) -> Row:
    """dL/dv_i = (g_i - share_i (sum_k g_k + n_i sum_k g_k n_k)) / sqrt(var + epsilon).

    g = dL/dn. A value moves its own n, and all others' by way of the mean and the variance: these
    are the two sums. Without them a common shift of all values would seem to matter.

    Examples
    --------
    >>> through_statistics([1.0, 1.0], [-1.0, 1.0], 1.0, [0.5, 0.5])
    [0.0, 0.0]
    """
    total = add_up(gradient)
    product = add_up(g * n for g, n in zip(gradient, normed, strict=True))
    return [
        (g - share * (total + n * product)) * inverse
        for g, n, share in zip(gradient, normed, shares, strict=True)
    ]


def columns(rows: Rows) -> Rows:
    """Return the transpose."""
    return [list(column) for column in zip(*rows, strict=True)]


def moved(running: Row, batch: Row, norm: str | None) -> Row:
    """Return r + momentum (b - r), r running and b of the batch.

    Examples
    --------
    >>> moved([1.0], [2.0], "batch(0.25)")
    [1.25]
    """
    _, momentum = split_norm(norm or "batch")
    return [r + momentum * (b - r) for r, b in zip(running, batch, strict=True)]
