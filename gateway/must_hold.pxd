"""What must hold at a place of the hot path: said there always, checked in the debug build (BREAKWIRE_DEBUG=1) only.

There the process ends with the sentence that does not hold, and leaves a core. Elsewhere not even the condition is
evaluated.
"""

cdef extern from *:
    """
    #ifndef BREAKWIRE_MUST_HOLD
    #if BREAKWIRE_DEBUG
    #include <stdio.h>
    #include <stdlib.h>
    #define BREAKWIRE_MUST_HOLD(promise, condition) do { \
        if (!(condition)) { \
            fprintf(stderr, "breakwire: does not hold: %s (%s:%d)\\n", (promise), __FILE__, __LINE__); \
            abort(); \
        } \
    } while (0)
    #else
    #define BREAKWIRE_MUST_HOLD(promise, condition) ((void)(promise))
    #endif
    #endif
    """
    const bint BREAKWIRE_DEBUG
    void must_hold "BREAKWIRE_MUST_HOLD" (const char* promise, bint condition) noexcept nogil
