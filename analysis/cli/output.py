"""The answers of the command line in every form: a table for people; CSV, JSON, Parquet and Excel with all columns."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd

from analysis.errors import Incomplete
from analysis.history import History
from analysis.query.times import seconds_of
from analysis.schemas import SCHEMAS
from analysis.schemas.schema import Column
from analysis.schemas.schema import Kind as Meaning
from analysis.schemas.shared import LABELS
from analysis.text.answer import answers
from analysis.text.cells import question_of
from analysis.text.outlook import foreseen
from analysis.text.terminal import for_markdown, in_zone, legend, lines_of, numbers_in, table
from analysis.text.units import duration
from collector.output.delivery import deliver
from collector.output.forms import Target
from collector.output.layout import prose
from collector.output.rows import harmless
from collector.output.spreadsheet import Field, Figure, Kind, Page, workbook
from collector.output.visible import visible
from collector.record.database import in_memory
from collector.record.paths import text_of

NO_TARGET: Final = (
    "How many nodes a pool needs depends on a target: add one, such as --target-wait 15m --quantile p90, or [targets] "
    "in the configuration"
)


def _answers(frame: pd.DataFrame) -> Iterator[str]:
    """Yield the sentences on a plan; without any target, how to give one."""
    if len(frame) and frame["target_seconds"].isna().all():
        yield NO_TARGET
    yield from answers(frame)


FIRST: Final = {"plan": _answers, "forecast": foreseen}
"""The functions that return the sentences before the table, by question."""
SENTENCES: Final = ("table", "md", "xlsx")
"""The forms that have these sentences."""
IN_EXCEL: Final = {Meaning.INSTANT: Kind.INSTANT, Meaning.SHARE: Kind.SHARE} | dict.fromkeys(
    (Meaning.SECONDS, Meaning.COUNT, Meaning.NUMBER), Kind.NUMBER
)


def answer(history: History, estimate: str, options: dict[str, Any], target: Target) -> Incomplete | None:
    """Write the answer of a method of `History` to a terminal, a pipe or a file.

    Parameters
    ----------
    estimate
        The name of the method; `options` are its keyword arguments.

    Returns
    -------
    Incomplete or None
        The error that names the pools that have no answer; None where all have one.

    Raises
    ------
    RecordUnreadable, RequestRefused, RecordNotWritten
    Incomplete
        When no pool has an answer.
    """
    incomplete: Incomplete | None = None
    try:
        frame = getattr(history, estimate)(**options)
    except Incomplete as error:
        if error.frames[0] is None:
            raise
        incomplete, frame = error, error.frames[0]
    first = list(FIRST[estimate](frame)) if estimate in FIRST and target.form in SENTENCES else []
    if target.form == "xlsx" and options.get("slo") is not None:
        first.append(f"The limit on waits is {duration(seconds_of(options['slo']))}.")
    deliver(target, in_form(target.form, frame, first, target.width), len(frame))
    return incomplete


def in_form(form: str, frame: pd.DataFrame, first: Sequence[str] = (), width: int | None = None) -> str | bytes:
    """Return a frame of an estimate in a form, one of `FORMS`.

    Parameters
    ----------
    first
        The sentences before a table, also in Markdown and on the first sheet of a workbook.
    width
        The columns of text that a table may have; None: no limit.
    """
    makers: dict[str, Callable[[], str | bytes]] = {
        "table": lambda: _for_people(first, frame, width),
        "md": lambda: "\n\n".join([*first, for_markdown(frame)]),
        "csv": lambda: _csv(in_zone(frame, "UTC")),
        "json": lambda: _json(in_zone(frame, "UTC")),
        "parquet": lambda: _parquet(frame),
        "xlsx": lambda: _workbook(first, frame),
    }
    return makers[form]()


def _for_people(first: Sequence[str], frame: pd.DataFrame, width: int | None) -> str:
    """Return the sentences before a table, and the table."""
    above = [*(prose(text, width, "  ") for text in first), ""] if first else []
    return "\n".join([*above, table(frame, width)])


def _parquet(frame: pd.DataFrame) -> bytes:
    with in_memory() as connection, TemporaryDirectory() as folder:
        # A column without any text would have no type.
        kinds = {name: "string" for name in frame.columns if frame[name].dtype == object}
        connection.register("frame", frame.astype(kinds))
        file = Path(folder, "answer.parquet")
        connection.sql("FROM frame").write_parquet(text_of(file))
        return file.read_bytes()


def _csv(frame: pd.DataFrame) -> str:
    texts = frame.map(lambda value: harmless(value) if isinstance(value, str) else value)
    return texts.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\r\n")


def _json(frame: pd.DataFrame) -> str:
    text = frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2, force_ascii=False)
    return visible(text) + "\n"


def _workbook(first: Sequence[str], frame: pd.DataFrame) -> bytes:
    """Return a frame as a workbook: a sheet as people read it, and one of all data, with durations in seconds.

    Times are on the clock of the frame's zone.
    """
    frame = in_zone(frame)
    zone = str(frame["window_start"].dt.tz)
    columns = [column for column in (*LABELS, *SCHEMAS[question_of(frame)]) if column.name in frame.columns]
    values = [_values(frame[column.name], column) for column in columns]
    fields = [
        Field(column.name, IN_EXCEL.get(column.kind, Kind.TEXT), column.measured_in, column.meaning)
        for column in columns
    ]
    return workbook(fields, list(zip(*values, strict=True)), zone, _page(first, frame, zone))


def _page(first: Sequence[str], frame: pd.DataFrame, zone: str) -> Page | None:
    """Return the sheet for people; None without rows."""
    _span, lines = lines_of(frame)
    if not lines:
        return None
    rows = []
    for line, numbers in zip(lines, numbers_in(frame), strict=True):
        figures = {name: Figure(value, IN_EXCEL[kind]) for name, (value, kind) in numbers.items()}
        rows.append([figures.get(name, text) for name, text in line.items()])
    start, end = frame["window_start"].min(), frame["window_end"].max()
    period = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}, {zone}"
    return Page([*first, period, *legend(frame)], list(lines[0]), rows)


def _values(column: pd.Series, of: Column) -> list[object]:
    if of.kind is Meaning.INSTANT:
        column = column.dt.tz_localize(None)
        return [None if pd.isna(instant) else instant.to_pydatetime(warn=False) for instant in column]
    return [None if pd.isna(value) else value for value in column.tolist()]
