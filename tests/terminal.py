"""The real command on a terminal of some width."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

from tests.polling import GUARD_SECONDS, environment


def raw_terminal(folder: Path, width: int, *words: str, **more: str) -> bytes:
    """Return all bytes that a command writes to standard output, if that is a terminal; errors go elsewhere."""
    terminal, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    call = [sys.executable, "-m", "collector", *words]
    in_it = {name: value for name, value in environment(**more).items() if name != "COLUMNS" or "COLUMNS" in more}
    received = bytearray()
    with subprocess.Popen(call, cwd=folder, env=in_it, stdout=other, stderr=subprocess.DEVNULL) as process:
        os.close(other)
        while True:
            try:
                part = os.read(terminal, 1 << 16)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            received += part
        assert process.wait(GUARD_SECONDS) >= 0
    os.close(terminal)
    return bytes(received)


def on_terminal(folder: Path, width: int, *words: str, **more: str) -> str:
    """Return the text that a command shows on a terminal."""
    return raw_terminal(folder, width, *words, **more).decode().replace("\r\n", "\n")
