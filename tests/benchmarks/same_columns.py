"""Answers as columns, and in what those of two installations differ."""

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Answer = dict[str, "pd.Series[Any]"]
"""Columns by name; those of a page of JSON, whose lists differ, are not of one length."""
SHOWN = 6


def columns_of(answer: pd.DataFrame | str) -> Answer:
    """Return the columns of a frame, or of what a command wrote: JSON, CSV or lines."""
    if isinstance(answer, pd.DataFrame):
        return {str(name): answer[name] for name in answer.columns}
    if answer.startswith(("{", "[")):
        try:
            return _of_page(json.loads(answer))
        except ValueError:
            pass
    first, _, rest = answer.partition("\n")
    if rest and first.startswith("project,"):
        frame = pd.read_csv(io.StringIO(answer), dtype=str, keep_default_na=False)
        return {str(name): frame[name].astype(object) for name in frame}
    return {"text": pd.Series(answer.splitlines(), dtype=object)}


def _of_page(page: Any) -> Answer:  # noqa: ANN401 - JSON is any of its types
    """Return the values of JSON in its order, by their path; of each list also the length."""
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

    walk("", page)
    return {path: pd.Series(column, dtype=object) for path, column in values.items()}


def differences(old: Answer, new: Answer, renamed: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return in what answers differ, and the columns that only the new one has.

    Parameters
    ----------
    renamed
        New names by old ones, of columns or of parts of a path in JSON.
    """
    old = {_renamed(name, renamed): column for name, column in old.items()}
    only_new = [name for name in new if name not in old]
    found = []
    order = [name for name in new if name in old]
    if order != [name for name in old if name in new]:
        found.append("columns in another order")
    for name, column in old.items():
        if name not in new:
            found.append(f"{name}: not there")
        elif difference := _difference(column, new[name]):
            found.append(f"{name}: {difference}")
    if len(found) > SHOWN:
        found = [*found[:SHOWN], f"and {len(found) - SHOWN} more"]
    return found, only_new


def _renamed(path: str, renamed: Mapping[str, str]) -> str:
    names = (name.removesuffix("[]") for name in path.split("."))
    return ".".join(renamed.get(name, name) for name in names) + ("[]" if path.endswith("[]") else "")


def _difference(old: "pd.Series[Any]", new: "pd.Series[Any]") -> str:
    """Tell in what a column differs; nothing where it does not."""
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
    """Return instants as they are in UTC, without a zone; any other column as it is."""
    column = column.reset_index(drop=True)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    elif column.dtype == object and any(isinstance(value, datetime) for value in column):
        column = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return column.astype("datetime64[ns]") if column.dtype.kind == "M" else column


def _differ(old: "pd.Series[Any]", new: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Return which cells differ; what is missing is equal to what is missing, floats to the last bit."""
    missing = old.isna().to_numpy(), new.isna().to_numpy()
    both = ~missing[0] & ~missing[1]
    differ: NDArray[np.bool_] = missing[0] != missing[1]
    if old.dtype == object:
        pairs = zip(old[both], new[both], strict=True)
        differ[both] = [not _equal(one, other) for one, other in pairs]
    elif old.dtype == np.float64:
        differ[both] = old.to_numpy()[both].view(np.int64) != new.to_numpy()[both].view(np.int64)
    else:
        differ[both] = (old[both] != new[both]).to_numpy(bool)
    return differ


def _equal(old: Any, new: Any) -> bool:  # noqa: ANN401 - a cell is of any type
    if isinstance(old, str) and isinstance(new, str):
        return old == new or (_instant(old) is not None and _instant(old) == _instant(new))
    if isinstance(old, float) and isinstance(new, float):
        return old.hex() == new.hex()
    return type(old) is type(new) and bool(old == new)


def _instant(text: str) -> datetime | None:
    """Return the instant that a text is; None where it is none, or has no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
