"""Tables of the wire in C; there is nothing in this module for Python."""
