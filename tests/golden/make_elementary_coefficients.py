"""Fit the polynomials of elementary.h and special.h and check that the headers have them.

Run from the repository's root with mpmath installed (about two minutes)::

    python tests/golden/make_elementary_coefficients.py

Each is a minimax fit of the relative error of the function, on Chebyshev nodes, by Lawson's
iteration: least squares with weights that grow where the error is largest, until the extreme errors
are level. It stands in for the exchange of Remez, which wants a weight without a zero inside the
interval; e^r - 1 has one at r = 0. Coefficients are rounded to the dtype one by one, lowest power
first, and the others fitted again, so that each makes up for the rounding of those before it.

References
----------
C. L. Lawson, "Contributions to the theory of linear least maximum approximation", thesis, 1961.
J. R. Rice, K. H. Usow, "The Lawson algorithm and extensions", Mathematics of Computation 22, 1968.
N. Brisebarre, J.-M. Muller, A. Tisserand, "Computing machine-efficient polynomial approximations",
ACM Transactions on Mathematical Software 32, 2006, for the rounding of coefficients.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from mpmath import mp, mpf

SOURCES = Path(__file__).parents[2] / "src_pyx" / "fastbp"
HEADERS = [SOURCES / "elementary.h", SOURCES / "special.h"]
ROUNDS = 40  # of Lawson's iteration; the error is level to a few per cent after about 20
DIGITS = {24: "float", 53: "double"}

mp.prec = 240

# A margin, because the integer next to x log2(e) is found with rounding errors.
MARGIN = mpf("1.0001")
HALF_LN2 = mp.log(2) / 2 * MARGIN
SQRT2_LESS_1 = mp.sqrt(2) - 1
QUARTER_PI = mp.pi / 4 * MARGIN

Function = Callable[[mpf], mpf]


def expm1_rest(r: mpf) -> mpf:
    """Return q of e^r - 1 = r + r^2 q(r)."""
    return (mp.expm1(r) - r) / r**2


def tanh_rest(z: mpf) -> mpf:
    """Return p of tanh r = r + r^3 p(r^2)."""
    r = mp.sqrt(z)
    return (mp.tanh(r) - r) / r**3


def log1p_rest(f: mpf) -> mpf:
    """Return q of log(1 + f) = f - f^2/2 + f^3 q(f)."""
    return (mp.log1p(f) - f + f**2 / 2) / f**3


def atanh_rest(z: mpf) -> mpf:
    """Return q of 2 atanh(s) = 2 s + s^3 q(s^2), which is log(1 + f) for s = f / (2 + f)."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / s**3


def sine_rest(z: mpf) -> mpf:
    """Return S of sin r = r + r^3 S(r^2)."""
    r = mp.sqrt(z)
    return (mp.sin(r) - r) / r**3


def cosine_rest(z: mpf) -> mpf:
    """Return C of cos r = 1 - r^2/2 + r^4 C(r^2)."""
    r = mp.sqrt(z)
    return (mp.cos(r) - 1 + z / 2) / z**2


# The upper tail of the normal distribution is taken from t = 1 / (1 + x/4), which has few terms.
TAIL_MIDDLE = mpf(5) / 8


def tail_share(u: mpf) -> mpf:
    """Return R of 1 - Phi(x) = e^(-x^2/2) t R(u), u = t - 5/8."""
    t = u + TAIL_MIDDLE
    x = 4 * (1 / t - 1)
    return mp.erfc(x / mp.sqrt(2)) / 2 * mp.exp(x * x / 2) / t


# name, rest to be fitted, its factor relative to the whole function, interval, and for each dtype
# (terms, bits, how much more an error counts at the upper end than at 0). That is 2 where two terms
# must do: just past the ends of the reduced interval the rounding errors of tanh add up most.
FITS = [
    (
        "e^r - 1 = r + r^2 q(r)",
        expm1_rest,
        lambda r: r**2 / mp.expm1(r),
        (-HALF_LN2, HALF_LN2),
        ((5, 24, 1), (10, 53, 1)),
    ),
    (
        "tanh r = r + r^3 p(r^2)",
        tanh_rest,
        lambda z: mp.sqrt(z) ** 3 / mp.tanh(mp.sqrt(z)),
        (mpf(0), (HALF_LN2 / 2) ** 2),
        ((2, 24, 2), (6, 53, 1)),
    ),
    (
        "log(1 + f) = f - f^2/2 + f^3 q(f)",
        log1p_rest,
        lambda f: f**3 / mp.log1p(f),
        (mp.sqrt(mpf(1) / 2) - 1, SQRT2_LESS_1),
        ((8, 24, 1),),
    ),
    (
        "log(1 + f) = 2 s + s^3 q(s^2), s = f / (2 + f)",
        atanh_rest,
        lambda z: mp.sqrt(z) ** 3 / (2 * mp.atanh(mp.sqrt(z))),
        (mpf(0), (SQRT2_LESS_1 / (2 + SQRT2_LESS_1)) ** 2),
        ((7, 53, 1),),
    ),
    (
        "sin r = r + r^3 S(r^2)",
        sine_rest,
        lambda z: mp.sqrt(z) ** 3 / mp.sin(mp.sqrt(z)),
        (mpf(0), (QUARTER_PI) ** 2),
        ((3, 24, 1), (6, 53, 1)),
    ),
    (
        "cos r = 1 - r^2/2 + r^4 C(r^2)",
        cosine_rest,
        lambda z: z**2 / mp.cos(mp.sqrt(z)),
        (mpf(0), (QUARTER_PI) ** 2),
        ((3, 24, 1), (6, 53, 1)),
    ),
    (
        "1 - Phi(x) = e^(-x^2/2) t R(t - 5/8), t = 1 / (1 + x/4)",
        tail_share,
        lambda u: 1 / tail_share(u),
        (1 / (1 + mpf("14.5") / 4) - TAIL_MIDDLE, 1 - TAIL_MIDDLE),
        ((11, 24, 1),),
    ),
    (
        "1 - Phi(x) = e^(-x^2/2) t R(t - 5/8), t = 1 / (1 + x/4)",
        tail_share,
        lambda u: 1 / tail_share(u),
        (1 / (1 + mpf(39) / 4) - TAIL_MIDDLE, 1 - TAIL_MIDDLE),
        ((23, 53, 1),),
    ),
]


def chebyshev_nodes(low: mpf, high: mpf, count: int) -> list[mpf]:
    """Return the roots of the Chebyshev polynomial of degree `count`, moved to the interval."""
    middle, radius = (low + high) / 2, (high - low) / 2
    return [middle + radius * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]


def to_precision(x: mpf, bits: int) -> mpf:
    """Round to a number of bits, halves to even."""
    fraction, exponent = mp.frexp(x)
    return mp.ldexp(mp.nint(mp.ldexp(fraction, bits)), exponent - bits)


def least_squares(
    powers: list[int], nodes: list[mpf], values: list[mpf], weights: list[mpf]
) -> list[mpf]:
    """Solve min sum_x w(x) (sum_p c_p x^p - v(x))^2 by its normal equations."""
    moments = [
        mp.fsum(w * x**power for w, x in zip(weights, nodes, strict=True))
        for power in range(2 * powers[-1] + 1)
    ]
    matrix = mp.matrix([[moments[p + q] for q in powers] for p in powers])
    right = [
        mp.fsum(w * v * x**p for w, v, x in zip(weights, values, nodes, strict=True))
        for p in powers
    ]
    return list(mp.lu_solve(matrix, mp.matrix(right)))


def lawson(
    rest: Function, factor: Function, interval: tuple[mpf, mpf], powers: list[int], terms: int
) -> list[mpf]:
    """Return the coefficients that minimize the largest |factor (polynomial - rest)|."""
    nodes = chebyshev_nodes(*interval, 12 * terms)
    values, factors = [rest(x) for x in nodes], [factor(x) for x in nodes]
    shares = [mpf(1) / len(nodes)] * len(nodes)
    best, best_error = [], mp.inf
    for _ in range(ROUNDS):
        weights = [share * f**2 for share, f in zip(shares, factors, strict=True)]
        coefficients = least_squares(powers, nodes, values, weights)
        errors = [
            abs(f * (mp.fsum(c * x**p for c, p in zip(coefficients, powers, strict=True)) - v))
            for f, v, x in zip(factors, values, nodes, strict=True)
        ]
        if max(errors) < best_error:
            best, best_error = coefficients, max(errors)
        grown = [share * error for share, error in zip(shares, errors, strict=True)]
        shares = [share / mp.fsum(grown) for share in grown]
    return best


def rounded_fit(
    rest: Function,
    factor: Function,
    interval: tuple[mpf, mpf],
    terms: int,
    bits: int,
    emphasis: int,
) -> tuple[list[mpf], mpf]:
    """Return the coefficients in the dtype, lowest power first, and the largest relative error."""
    fixed: list[mpf] = []

    def weight(x: mpf) -> mpf:
        return factor(x) * (1 + (emphasis - 1) * x / interval[1])

    def remainder(x: mpf) -> mpf:
        return rest(x) - mp.fsum(c * x**p for p, c in enumerate(fixed))

    for first in range(terms):
        powers = list(range(first, terms))
        fitted = lawson(remainder, weight, interval, powers, terms - first)
        fixed.append(to_precision(fitted[0], bits))
    nodes = chebyshev_nodes(*interval, 400)
    return fixed, max(abs(factor(x) * remainder(x)) for x in nodes)


def literal(coefficient: mpf, bits: int) -> str:
    """Write a coefficient as C does, in hexadecimal."""
    sign = "-" if coefficient < 0 else ""
    fraction, exponent = mp.frexp(abs(coefficient))
    digits = 6 if bits == 24 else 13
    integer = int(mp.ldexp(fraction, 4 * digits + 1))
    return f"{sign}0x1.{integer - (1 << 4 * digits):0{digits}x}p{int(exponent) - 1:+d}" + (
        "f" if bits == 24 else ""
    )


def main() -> int:
    """Print every fit; return 1 if the headers lack a coefficient."""
    text = "".join(header.read_text(encoding="utf-8") for header in HEADERS)
    present = set(re.findall(r"-?0x1\.[0-9a-f]+p[+-]\d+f?", text))
    lacking = []
    for name, rest, factor, interval, sizes in FITS:
        for terms, bits, emphasis in sizes:
            coefficients, error = rounded_fit(rest, factor, interval, terms, bits, emphasis)
            print(f"{name}, {DIGITS[bits]}: relative error 2^{float(mp.log(error, 2)):.1f}")
            for coefficient in coefficients:
                number = literal(coefficient, bits)
                print(f"    {number}")
                if number not in present:
                    lacking.append(number)
    if lacking:
        print(f"the headers lack {', '.join(lacking)}")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
