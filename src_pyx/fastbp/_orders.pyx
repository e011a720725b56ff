"""Orders of rows by numpy's bit generators; see shuffle.pxd."""
from cpython.pycapsule cimport PyCapsule_GetPointer

from ._callbacks cimport Callbacks
from .shuffle cimport Bits, draw_order, shuffle_order
from .watch cimport Watch, watch_begin


def shuffle(long long[::1] order, bit_generator):
    """Fill order with 0 .. n - 1 in an order drawn from a numpy bit generator; n up to 2^32.

    Every permutation is equally likely. Half a 64-bit word is used for a number, where it does not
    have to be drawn again. Handlers of signals may raise.
    """
    draw(order, bit_generator, False)


def shuffle_legacy(long long[::1] order, bit_generator):
    """Shuffle order in place as the RandomState of a bit generator would; n up to 2^32.

    Handlers of signals may raise; the order is a permutation of the old one all the same.
    """
    draw(order, bit_generator, True)


cdef draw(long long[::1] order, bit_generator, bint legacy):
    cdef const Bits* bits = <const Bits*> PyCapsule_GetPointer(
        bit_generator.capsule, "BitGenerator")
    cdef Watch watch
    cdef Callbacks callbacks = Callbacks()
    callbacks.watch_signals(&watch)
    watch_begin(&watch)
    with nogil:
        if legacy:
            shuffle_order(bits, &order[0], order.shape[0], &watch)
        else:
            draw_order(bits, &order[0], order.shape[0], &watch)
    callbacks.raise_error()
