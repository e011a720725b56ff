"""The order of an epoch's rows, drawn from a numpy bit generator.

R. Durstenfeld, Algorithm 235: Random permutation, CACM 1964, in the form that fills the order while
it draws it: i goes to a place j <= i drawn evenly, and what was there goes to place i.

An even number below s out of 32 random bits is the upper half of their product with s, unless the
lower half is one of the 2^32 mod s that would make some numbers likelier: D. Lemire, Fast Random
Integer Generation in an Interval, ACM TOMACS 2019, Algorithm 5.

Beside it the shuffle of numpy.random.RandomState, whose orders are the same for good (NEP 19): from
the last place down, j is drawn anew until the lowest bits of a number do not exceed i.
"""
from .watch cimport Watch, look

cdef enum:
    # Numbers drawn between two looks at the watch, and what each counts there.
    DRAWN = 65536
    DRAW_WORK = 200

cdef struct Bits:
    # The beginning of numpy's bitgen_t (numpy/random/bitgen.h), which capsules of the name
    # "BitGenerator" hold.
    void* state
    unsigned long long (*next_uint64)(void* state) noexcept nogil
    unsigned int (*next_uint32)(void* state) noexcept nogil


cdef inline void draw_order(
    const Bits* bits, long long* order, Py_ssize_t n, Watch* watch
) noexcept nogil:
    """Fill order with 0 .. n - 1, every permutation equally likely; n up to 2^32."""
    cdef Py_ssize_t i
    cdef unsigned long long word = 0, product
    cdef unsigned int bound, low
    cdef bint half = False
    for i in range(n):
        if i % DRAWN == DRAWN - 1 and look(watch, 0, <double> DRAWN * DRAW_WORK):
            return
        bound = <unsigned int> (i + 1)
        while True:
            word = word >> 32 if half else bits.next_uint64(bits.state)
            half = not half
            product = (<unsigned long long> i + 1) * <unsigned int> word
            low = <unsigned int> product
            if low >= bound or low >= (0 - bound) % bound:
                break
        order[i] = order[product >> 32]
        order[product >> 32] = i


cdef inline void shuffle_order(
    const Bits* bits, long long* order, Py_ssize_t n, Watch* watch
) noexcept nogil:
    """Shuffle order in place as RandomState.shuffle does, with the same numbers; n up to 2^32."""
    cdef Py_ssize_t i = n - 1, j, drawn = 0
    cdef unsigned int mask = <unsigned int> i
    cdef long long there
    cdef bint fits
    mask |= mask >> 1
    mask |= mask >> 2
    mask |= mask >> 4
    mask |= mask >> 8
    mask |= mask >> 16
    # Whether a number fits nobody can foresee: a place that stays where it is costs less than a
    # branch that is mispredicted every third time.
    while i > 0:
        drawn += 1
        if drawn % DRAWN == 0 and look(watch, 0, <double> DRAWN * DRAW_WORK):
            return
        j = bits.next_uint32(bits.state) & mask
        fits = j <= i
        j = j if fits else i
        there = order[j]
        order[j] = order[i]
        order[i] = there
        i -= fits
        mask >>= mask >> 1 >= i
