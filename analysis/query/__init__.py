"""Questions to a record, and the engine that answers them."""
