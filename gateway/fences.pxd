"""The fence and the drain behind it: the end of many orders at once, whose first instant touches none of them."""

from gateway.engine cimport Engine
from gateway.orders cimport Orders


cdef class Fences:
    cdef:
        Orders orders
        Engine engine
        list sessions       # by slot
