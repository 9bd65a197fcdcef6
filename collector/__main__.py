"""``python -m collector`` is ``poolscope``."""

from collector.cli import main

main()
