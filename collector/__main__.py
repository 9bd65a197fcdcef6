"""``python -m collector``, the same as ``poolscope``: Ctrl-C ends it without a word while it loads, too."""

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line, and run it."""
    # Where a script started it in the background, Ctrl-C is not for it: it is ignored already.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from collector import cli  # noqa: PLC0415 - this is what takes its time

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
