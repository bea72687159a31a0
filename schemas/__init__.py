"""The schema, as data: `order_entry.xml`."""
