"""How a record is asked: the keywords of every estimate, and how answers are made into frames."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict

import pandas as pd

from analysis.groups import Question, answers
from analysis.record.database import Record
from analysis.request import Patterns


class PoolOptions(TypedDict, total=False):
    """What is asked of whole pools; see `request.Request` for what is taken when it is not given."""

    since: str | datetime | None
    until: str | datetime | None
    zone: str
    project: Patterns
    pool: Patterns
    queue: str
    order: Patterns


class Options(PoolOptions, total=False):
    """What an estimate is asked for."""

    every: str
    type: Patterns
    by: str
    slo: str | timedelta | None


class Asking:
    """Asks a record; see `history.History`."""

    def __init__(self, database: Path | str, spool: Path | str | None = None) -> None:
        self.record = Record(database, spool)

    def _ask(self, name: str, question: Question) -> pd.DataFrame:
        return self._answers({name: question})[name]

    def _answers(self, asked: dict[str, Question]) -> dict[str, pd.DataFrame]:
        found = dict(zip(asked, answers(self.record, list(asked.values())), strict=True))
        for name, frame in found.items():
            frame.attrs["question"] = name
        return found
