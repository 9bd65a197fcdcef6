"""Poolscope's tests; a package of its own name, since a tool that they use installs another `tests`."""
