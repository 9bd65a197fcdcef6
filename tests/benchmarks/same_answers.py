"""Answer questions with the installation whose python runs this; `same` starts it, and reads what it writes.

    PYTHON -P same_answers.py DATABASE SPOOL ANSWERS < QUESTIONS

QUESTIONS is JSON: by name a method of History and its keywords. ANSWERS is a pickle: by name a frame, or, where the
question was refused, the error as a text. Nothing but `History` is asked of the installation.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

from analysis import History


def main() -> None:
    """Answer all questions."""
    database, spool, target = map(Path, sys.argv[1:])
    history = History(database, spool)
    answers: dict[str, Any] = {}
    for name, (method, options) in json.load(sys.stdin).items():
        try:
            frame = getattr(history, method)(**options)
            frame.attrs = {}
            answers[name] = frame
        except Exception as error:  # noqa: BLE001 - a defect of one installation is a difference to tell
            answers[name] = f"{type(error).__name__}: {error}"
    target.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
