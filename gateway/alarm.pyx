"""A timer of the kernel that a loop can wait for like a socket, exact where the loop's own count whole milliseconds."""

cimport cython
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, itimerspec, timespec
from posix.unistd cimport close as close_descriptor, read

from os import strerror

cdef extern from "<sys/timerfd.h>" nogil:
    enum:
        TFD_NONBLOCK
        TFD_CLOEXEC
        TFD_TIMER_ABSTIME
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int descriptor, int flags, const itimerspec* new_value, itimerspec* old_value)

cdef int64_t SECOND_NS = 1_000_000_000


@cython.final
cdef class Alarm:
    """Readable from the time on that it is set to; not before, and once.

    Raises:
        OSError: the process may have no more descriptors.
    """

    cdef readonly int descriptor

    def __cinit__(self):
        self.descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(errno, strerror(errno))

    def __dealloc__(self):
        self.close()

    def set(self, int64_t monotonic_ns) -> None:
        """It goes off at this time of CLOCK_MONOTONIC, at once if that is over; whatever it was set to before is off."""
        cdef itimerspec new_value
        # Zero would turn it off.
        monotonic_ns = max(monotonic_ns, <int64_t>1)
        new_value.it_value.tv_sec = monotonic_ns // SECOND_NS
        new_value.it_value.tv_nsec = monotonic_ns % SECOND_NS
        new_value.it_interval.tv_sec = new_value.it_interval.tv_nsec = 0
        if timerfd_settime(self.descriptor, TFD_TIMER_ABSTIME, &new_value, NULL) != 0:
            raise OSError(errno, strerror(errno))

    def take(self) -> bool:
        """Whether it has gone off since it was set; it is not readable any more."""
        cdef uint64_t count
        return read(self.descriptor, &count, sizeof(count)) == sizeof(count)

    cpdef void close(self) noexcept:
        """It goes off no more, and its descriptor is given back."""
        if self.descriptor >= 0:
            close_descriptor(self.descriptor)
            self.descriptor = -1
