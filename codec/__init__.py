"""Bytes and their meaning: the Starbase order-entry wire format. Never sockets, clocks or sessions."""
