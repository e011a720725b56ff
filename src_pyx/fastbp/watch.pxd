"""How a long call learns that its caller wants it to end: see watch.h.

A thread that leaves early leaves numbers without meaning behind, in the workspace and in the
gradient; never in the parameters, which are changed while the watch is closed.
"""

cdef extern from "watch.h" nogil:
    ctypedef struct Watch "fastbp_watch":
        int (*ask)(void* owner) noexcept nogil
        void* owner
        int closed
    ctypedef int Counter "fastbp_answer"
    int take_next "fastbp_take_next"(Counter* next) noexcept
    void watch_begin "fastbp_watch_begin"(Watch* watch) noexcept
    bint look "fastbp_watch_look"(Watch* watch, int thread, double work) noexcept
    bint wanted "fastbp_watch_wanted"(Watch* watch) noexcept

cdef enum:
    # What a row that is gathered counts, in multiply-adds: it may come from a disk.
    ROW_WORK = 20000
