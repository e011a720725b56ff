"""Numbers as a trace shows them: rounded as at school, and short where they are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

# Where fixed decimals would be longer than the number says.
LARGEST_FIXED = Decimal(10) ** 6
# What a few roundings leave of a number that is short: 0.1 + 0.2 is shown as 0.3.
EXACT = Decimal(2) ** -50


def decimal(value: float) -> Decimal:
    """Return the shortest decimal that is this number; -0 is 0.

    Examples
    --------
    >>> decimal(0.1), decimal(-0.0)
    (Decimal('0.1'), Decimal('0'))
    """
    return Decimal(repr(float(value))).normalize() if value else Decimal(0)


def is_fixed(value: Decimal, digits: int) -> bool:
    """Return whether a number is written with so many decimals, and not with a power of ten."""
    return value == 0 or Decimal(10) ** -digits <= abs(value) < LARGEST_FIXED


def rounded(value: Decimal, digits: int, fixed: bool | None = None) -> Decimal:
    """Return a number with so many decimals; very small and large ones with so many digits.

    Halves go away from 0, as at school. `fixed` says which of the two; None: as the number wants.

    Examples
    --------
    >>> rounded(Decimal("0.0415"), 3), rounded(Decimal("0.0000134567"), 3)
    (Decimal('0.042'), Decimal('0.0000135'))
    """
    if is_fixed(value, digits) if fixed is None else fixed:
        place = Decimal(1).scaleb(-digits)
    else:
        place = Decimal(1).scaleb(value.adjusted() - max(digits - 1, 0)) if value else Decimal(1)
    return value.quantize(place, ROUND_HALF_UP) if value.adjusted() < 24 else +value


def is_exact(value: Decimal, digits: int) -> bool:
    """Return whether rounding takes nothing from a number."""
    return abs(rounded(value, digits) - value) <= EXACT * abs(value)


def written(value: Decimal, digits: int, short: bool) -> str:
    """Return the text of a number; `short`: without zeros at its end."""
    number = rounded(value, digits)
    if is_fixed(value, digits) or number == 0:
        text = f"{number:f}"
        if short and "." in text:
            text = text.rstrip("0").rstrip(".")
        return text if number else text.lstrip("-")
    mantissa, _, exponent = f"{number:.{max(digits - 1, 0)}e}".partition("e")
    if short and "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent):+03d}"


def shown(value: float, digits: int) -> str:
    """Return a number as a trace shows it.

    Examples
    --------
    >>> [shown(value, 3) for value in (0.5, 2.0, 0.83035, -0.41515, 1.3e-05, 0.0065, 1e7)]
    ['0.5', '2', '0.830', '-0.415', '1.3e-05', '0.007', '1e+07']
    """
    number = decimal(value)
    return written(number, digits, is_exact(number, digits))


def exactly(value: float) -> str:
    """Return all digits of a number that somebody has chosen, such as a learning rate.

    Examples
    --------
    >>> exactly(0.9999), exactly(2.0), exactly(1e-08)
    ('0.9999', '2', '1e-08')
    """
    return repr(int(value)) if value == int(value) and abs(value) < LARGEST_FIXED else repr(value)
