"""The order-entry gateway: sessions, registry, engine, streams, and the shell around them."""

__version__ = "0.1.0"
