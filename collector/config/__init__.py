"""The configuration: its keys, and how the file and the environment are read."""
