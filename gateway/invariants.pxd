"""What the modules of invariants share."""


cdef inline int require(bint holds, str claim) except -1:
    if not holds:
        raise AssertionError(claim)
    return 0
