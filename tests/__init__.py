"""Poolscope's tests. They are a package, as a tool that they use installs another package `tests`."""
