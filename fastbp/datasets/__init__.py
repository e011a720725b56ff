"""The data set that comes with the package: handwritten digits, 8x8 pixels.

Source and licence (CC BY 4.0) are stated in ``digits_LICENSE.txt`` beside the data.
"""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIGITS_PATH", "load_digits"]

DIGITS_PATH = Path(__file__).with_name("digits.csv.gz")


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load the handwritten digits: 1,797 images of 8x8 pixels and the digit each one shows.

    Returns
    -------
    x : ndarray, shape (1797, 64), float32
        Grey values 0 to 16, the image's rows one after the other.
    y : ndarray, shape (1797,), int64
        The digit, 0 to 9.

    Notes
    -----
    This is the test part of the UCI set "Optical Recognition of Handwritten Digits" in its original
    order, the same rows as scikit-learn's ``load_digits``. Every call reads the file anew.

    References
    ----------
    Alpaydin, E. & Kaynak, C. (1998). Optical Recognition of Handwritten Digits [Dataset]. UCI
    Machine Learning Repository. https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from fastbp.datasets import load_digits
    >>> x, y = load_digits()
    >>> x.shape, y[:5].tolist()
    ((1797, 64), [0, 1, 2, 3, 4])
    """
    with gzip.open(DIGITS_PATH, "rt", encoding="ascii") as lines:
        rows = np.loadtxt(lines, delimiter=",", skiprows=1, dtype=np.uint8)
    return rows[:, :-1].astype(np.float32), rows[:, -1].astype(np.int64)
