"""``python -m collector``, the same as ``poolscope``: Ctrl-C ends it without a word while it loads, too."""

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line, and run it."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from collector import cli  # noqa: PLC0415 - this is what takes its time

    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
