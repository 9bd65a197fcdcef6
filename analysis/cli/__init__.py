"""The commands of `poolscope` that read a record."""
