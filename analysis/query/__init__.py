"""What is asked of a record, and the engine that answers it."""
