r"""Characters that a terminal must not get: they are shown as JSON writes them, such as ``\u001b`` for ESC.

Names, labels and messages of the API may hold any character. Control characters move the cursor or change what was
written before, and direction characters reverse the text beside them.
"""

import codecs
import io
import re
import sys
from typing import Final

CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, and C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # directions
    "\u2028\u2029"  # ends of lines and paragraphs
    "\ud800-\udfff]"  # halves of pairs: no encoding has them
)
ISOLATES: Final = {ord("\u2068"): None, ord("\u2069"): None}
"""The characters that our texts put around names that run from right to left; a terminal does without them."""
ESCAPES: Final = "json"
"""The error handler that writes a character that an encoding lacks as a JSON escape."""


def visible(text: str) -> str:
    r"""Return a text with its control and direction characters as JSON escapes; tabs and line feeds stay.

    The text of a JSON document stays the same document.

    >>> visible("a\x1b[2Jb")
    'a\\u001b[2Jb'
    """
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """Return a text as `visible` does, with its tabs and line feeds as escapes too: a name never begins a line."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def show_only_visible() -> None:
    """Let standard output and error write only what is `visible`, in any encoding.

    A character that their encoding lacks (an emoji in GBK) is written as a JSON escape. ``sys.__stderr__`` stays as it
    is: progress bars move its cursor.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, VisibleStream(stream))


class VisibleStream(io.TextIOWrapper):
    """A stream that writes to the file of another one, and only what is `visible`."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        # click writes past a stream in ASCII, which it takes for a mistake.
        self._ascii = codecs.lookup(stream.encoding).name == "ascii"
        encoding = "utf-8" if self._ascii else stream.encoding
        super().__init__(
            stream.buffer,
            encoding,
            ESCAPES,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )

    def write(self, text: str, /) -> int:
        """Write a text, and return its length."""
        shown = visible(text.translate(ISOLATES))
        super().write(shown.encode("ascii", ESCAPES).decode("ascii") if self._ascii else shown)
        return len(text)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    # As JSON writes them: a character beyond U+FFFF is a pair.
    halves = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (halves[place : place + 2].hex() for place in range(0, len(halves), 2))
    return "".join(f"\\u{half}" for half in pairs), error.end


codecs.register_error(ESCAPES, _escaped)
