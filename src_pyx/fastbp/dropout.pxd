"""Dropout: a <- a m, m = 0 with probability p and 1 / (1 - p) otherwise, in training alone.

N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to
prevent neural networks from overfitting", JMLR 15, 2014, section 4; scaled while training
(section 10), so that predictions need nothing.

Which units a step leaves out is a function of (key, steps before it, row of the batch, layer,
column): any thread finds the same, and so does a run that is taken up again.
"""
from .real cimport real

cdef extern from "dropout.h" nogil:
    enum:
        GROUP "FASTBP_GROUP"
    void random_words "fastbp_random_words"(
        unsigned int* words, unsigned long long key, unsigned int group, unsigned int row,
        unsigned long long step, unsigned int layer) noexcept


cdef inline void drop(
    real* a, real* mask, Py_ssize_t first, Py_ssize_t stop, double p, unsigned long long key,
    Py_ssize_t row, unsigned long long step, int layer
) noexcept nogil:
    """Columns first .. stop - 1 of one row: mask <- m, a <- a m; both begin with column 0."""
    cdef unsigned int[GROUP] words
    cdef unsigned int least = <unsigned int> (p * 4294967296.0)
    cdef real kept = <real> (1 / (1 - p))
    cdef Py_ssize_t group = first // GROUP, start, j
    while group * GROUP < stop:
        start = group * GROUP
        random_words(words, key, <unsigned int> group, <unsigned int> row, step, layer)
        for j in range(max(first, start), min(stop, start + GROUP)):
            mask[j] = kept if words[j - start] >= least else <real> 0
            a[j] *= mask[j]
        group += 1
