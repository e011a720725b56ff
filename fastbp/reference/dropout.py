"""Dropout: in every training step each row goes through a thinner network, drawn at random.

A unit is left out with probability p, and the others are divided by 1 - p, so that what the next
layer sees is the same on average and predictions, which leave out nothing, need no correction.

Who is left out is drawn by a generator without a state: its random words are a scrambled counter,
here the place of the unit. So nobody has to draw them in order, and the same step has the same mask
whoever asks, and when.

References
----------
N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way
to prevent neural networks from overfitting", JMLR 15, 2014, sections 4 and 10.
J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
3", SC 2011, section 3.3.
"""

from .scalars import Number, Row

WORD = 2**32
# One counter gives four words; this many counters in a row serve 64 neighbouring units.
COUNTERS = 16


def philox(counter: list[int], key: int) -> list[int]:
    """Philox4x32-10: four random words of 32 bits from a counter of four, and a key of 64 bits.

    Each round multiplies two of the words and lets the halves of the products change places.

    Examples
    --------
    The first of the known answers that come with the paper's own code:

    >>> [f"{word:08x}" for word in philox([0, 0, 0, 0], 0)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    low, high = key % WORD, key // WORD
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            p1 // WORD ^ c1 ^ low,
            p1 % WORD,
            p0 // WORD ^ c3 ^ high,
            p0 % WORD,
        )
        low, high = (low + 0x9E3779B9) % WORD, (high + 0xBB67AE85) % WORD
    return [c0, c1, c2, c3]


def dropout_factors(p: Number, key: int, step: int, row: int, layer: int, n: int) -> Row:
    """m_j = 0 with probability p, else 1 / (1 - p), for the n units of a layer.

    Parameters
    ----------
    p : number in [0, 1)
    key : int
        Of the network: its seed.
    step : int
        Training steps of the optimizer before this one.
    row, layer : int
        Place of the row in its batch, and of the layer in the network.
    n : int
        Units.

    Examples
    --------
    >>> dropout_factors(0.5, key=1, step=0, row=0, layer=0, n=6)
    [2.0, 2.0, 0, 2.0, 0, 0]
    """
    factors: Row = []
    for group in range(-(-n // (4 * COUNTERS))):
        counters = [
            [COUNTERS * group + i, row, step % WORD, layer ^ step // WORD << 16]
            for i in range(COUNTERS)
        ]
        words = [philox(counter, key) for counter in counters]
        # The first words of all counters are for the first units, then come all second words.
        for column in zip(*words, strict=True):
            factors.extend(0 if word < int(p * WORD) else 1 / (1 - p) for word in column)
    return factors[:n]
