"""``python -m collector``, the same as ``poolscope``. Ctrl-C ends it silently, even while it loads."""

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Load the command line, and run it."""
    # A script that starts it in the background has it ignore Ctrl-C: that stays so.
    heeds_ctrl_c = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeds_ctrl_c:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from collector import cli  # noqa: PLC0415 - this import takes most of the start-up time

    if heeds_ctrl_c:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
