"""What the running CPU can do, asked once at import."""

cdef extern from *:
    """
    #if defined(FASTBP_PLAIN) || !defined(__GNUC__)
    #define FASTBP_PATH ", plain C"
    #else
    #define FASTBP_PATH ""
    #endif
    #if defined(__clang__)
    #define FASTBP_COMPILER "clang " __clang_version__ FASTBP_PATH
    #elif defined(__GNUC__)
    #define FASTBP_COMPILER "gcc " __VERSION__ FASTBP_PATH
    #else
    #define FASTBP_COMPILER "unknown" FASTBP_PATH
    #endif
    /* In plain C, v1 is the one level there is. */
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(FASTBP_PLAIN)
    static int fastbp_cpu_level(void) {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
            return 1;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl")))
            return 3;
        return 4;
    }
    #else
    static int fastbp_cpu_level(void) { return 1; }
    #endif
    """
    int fastbp_cpu_level() nogil
    const char* FASTBP_COMPILER


def isa_level():
    """Return the highest of the levels 1, 3 and 4 that this CPU runs; 1 but for x86-64."""
    return fastbp_cpu_level()


def compiler():
    """Return the name and version of the compiler that built the compiled modules."""
    return FASTBP_COMPILER.decode()
