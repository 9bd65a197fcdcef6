"""Answers questions with the installation whose python runs this script; `same` starts it and reads its answers.

    PYTHON -P same_answers.py DATABASE SPOOL ANSWERS < QUESTIONS

QUESTIONS is JSON: for each name a method of History and its keywords. ANSWERS is a pickle: for each name a frame, or
the error as text. The script uses nothing but `History` of the installation.
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
        except Exception as error:  # noqa: BLE001 - an error of one installation is a difference to report
            answers[name] = f"{type(error).__name__}: {error}"
    target.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
