"""Converts answers to columns, and finds the differences between those of two installations."""

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Answer = dict[str, "pd.Series[Any]"]
"""Columns by name; columns from JSON can have different lengths."""
SHOWN = 6


def columns_of(answer: pd.DataFrame | str) -> Answer:
    """Return the columns of a frame, or of a command's output: JSON, CSV or lines."""
    if isinstance(answer, pd.DataFrame):
        return {str(name): answer[name] for name in answer.columns}
    if answer.startswith(("{", "[")):
        try:
            return _columns_of_json(json.loads(answer))
        except ValueError:
            pass
    first, _, rest = answer.partition("\n")
    if rest and first.startswith("project,"):
        frame = pd.read_csv(io.StringIO(answer), dtype=str, keep_default_na=False)
        return {str(name): frame[name].astype(object) for name in frame}
    return {"text": pd.Series(answer.splitlines(), dtype=object)}


def _columns_of_json(document: Any) -> Answer:  # noqa: ANN401 - JSON is any of its types
    """Return the values of a JSON document by path, in order, and the lengths of its lists."""
    values: dict[str, list[Any]] = {}

    def walk(path: str, value: Any) -> None:  # noqa: ANN401 - likewise
        if isinstance(value, dict):
            for name, part in value.items():
                walk(f"{path}.{name}" if path else name, part)
        elif isinstance(value, list):
            values.setdefault(f"{path}[]", []).append(len(value))
            for part in value:
                walk(path, part)
        else:
            values.setdefault(path, []).append(value)

    walk("", document)
    return {path: pd.Series(column, dtype=object) for path, column in values.items()}


def differences(old: Answer, new: Answer, renamed: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the differences between two answers, and the columns that only the new one has.

    Parameters
    ----------
    renamed
        New names of columns, or of parts of a path in JSON, by their old names.
    """
    old = {_renamed(name, renamed): column for name, column in old.items()}
    only_new = [name for name in new if name not in old]
    texts = []
    order = [name for name in new if name in old]
    if order != [name for name in old if name in new]:
        texts.append("columns have another order")
    for name, column in old.items():
        if name not in new:
            texts.append(f"{name}: is missing")
        elif difference := _difference(column, new[name]):
            texts.append(f"{name}: {difference}")
    if len(texts) > SHOWN:
        texts = [*texts[:SHOWN], f"and {len(texts) - SHOWN} more"]
    return texts, only_new


def without_words(answer: Answer) -> Answer:
    """Return the numbers and times of an answer: words and missing words are all alike, lines for people left out."""
    return {
        name: column.map(_number_or_time).astype(object)
        if column.dtype.kind == "O" or column.dtype == "str"
        else column
        for name, column in answer.items()
        if name != "text"
    }


def _number_or_time(value: Any) -> Any:  # noqa: ANN401 - a cell can have any type
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return value if _instant(value) is not None else ""
        return value
    return "" if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)) else value


def _renamed(path: str, renamed: Mapping[str, str]) -> str:
    names = (name.removesuffix("[]") for name in path.split("."))
    return ".".join(renamed.get(name, name) for name in names) + ("[]" if path.endswith("[]") else "")


def _difference(old: "pd.Series[Any]", new: "pd.Series[Any]") -> str:
    """Return the difference between two columns; an empty text if they are equal."""
    if len(old) != len(new):
        return f"{len(new):,} rows, were {len(old):,}"
    old, new = _instants(old), _instants(new)
    if old.dtype != new.dtype:
        return f"{new.dtype}, was {old.dtype}"
    differ = _differ(old, new)
    if not differ.any():
        return ""
    row = int(np.flatnonzero(differ)[0])
    largest = ""
    if pd.api.types.is_numeric_dtype(old.dtype) or old.dtype == object:
        numbers = [pd.to_numeric(column[differ], errors="coerce").astype(float) for column in (old, new)]
        size = float(np.nanmax(np.abs(numbers[0].to_numpy() - numbers[1].to_numpy()), initial=0.0))
        largest = f", by at most {size:.3g}" if size else ""
    return f"{differ.sum():,} of {len(old):,} cells{largest}; row {row}: {new.iloc[row]!r}, was {old.iloc[row]!r}"


def _instants(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of times in UTC, without a zone; any other column unchanged."""
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    elif column.dtype == object and any(isinstance(value, datetime) for value in column):
        column = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return column.astype("datetime64[ns]") if column.dtype.kind == "M" else column


def _differ(old: "pd.Series[Any]", new: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Return which cells differ; missing cells are equal to each other, floats are compared to the last bit."""
    missing = old.isna().to_numpy(), new.isna().to_numpy()
    both = ~missing[0] & ~missing[1]
    differ: NDArray[np.bool_] = missing[0] != missing[1]
    if old.dtype == object:
        pairs = zip(old[both], new[both], strict=True)
        differ[both] = [not _equal(old_value, new_value) for old_value, new_value in pairs]
    elif old.dtype == np.float64:
        differ[both] = old.to_numpy()[both].view(np.int64) != new.to_numpy()[both].view(np.int64)
    else:
        differ[both] = (old[both] != new[both]).to_numpy(bool)
    return differ


def _equal(old: Any, new: Any) -> bool:  # noqa: ANN401 - a cell can have any type
    if isinstance(old, str) and isinstance(new, str):
        return old == new or (_instant(old) is not None and _instant(old) == _instant(new))
    if isinstance(old, float) and isinstance(new, float):
        return old.hex() == new.hex()
    return type(old) is type(new) and bool(old == new)


def _instant(text: str) -> datetime | None:
    """Return the time in a text; None if it has no time, or no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
