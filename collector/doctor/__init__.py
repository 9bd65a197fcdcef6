"""Checks of endpoint, files and record that find a problem before it costs slots; each says how to fix it."""
