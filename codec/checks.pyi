"""Checks of whole frames in C; there is nothing in this module for Python."""
