"""The order-entry gateway: sessions, registry, engine, streams, and the shell around them."""
