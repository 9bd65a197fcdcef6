"""The configuration: what can be set, and how file and environment are read."""
