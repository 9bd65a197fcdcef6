"""The rules for the rows of each table, as import has them, applied to rows that come from a backup."""

from pathlib import Path
from typing import Final

from collector.errors import InputRefused
from collector.record.database import Record
from collector.record.merging import KEYS

# The poll of an import has no slot.
MAY_LACK: Final = {("polls", "slot")}
NODES: Final = "list_filter(nodes, lambda n: least(n.count, n.available, n.abnormal, n.creating, n.deleting) < 0)"


def refuse_wrong_rows(record: Record, table: str, columns: dict[str, str], file: Path) -> None:
    """Check the rows of a table that came from a file.

    Raises
    ------
    InputRefused
        When a key is missing or occurs twice, a count is below zero, a time is out of range, or an interval is not
        above zero; the message names the column and the number of wrong rows.
    """
    key = KEYS.get(table, "project, pool, type, slot").split(", ")
    named = {*key, *{"slot", "outcome", "listed"} & columns.keys()}
    if table == "scrapes":
        named.add("interval_seconds")
    wrong = {}
    for name, kind in columns.items():
        if name in named and (table, name) not in MAY_LACK:
            wrong[f"no {name}"] = f'"{name}" IS NULL'
        if kind == "TIMESTAMP":
            # The API may give any time as the creation of a pool.
            first = "0001-01-01" if name == "created_at" else "1970-01-01"
            wrong[f"a {name} out of range"] = (
                f"\"{name}\" NOT BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
            )
        elif kind in ("INTEGER", "SMALLINT"):
            wrong[f"a {name} below zero"] = f'"{name}" < 0'
        elif kind.startswith("MAP"):
            wrong[f"{name} below zero"] = f"list_min(map_values({name})) < 0"
        elif name == "nodes":
            wrong["nodes below zero"] = f"len({NODES}) > 0"
    if "interval_seconds" in columns:
        wrong["an interval of zero"] = "interval_seconds = 0"
    counters = ", ".join(f"count(*) FILTER ({condition})" for condition in wrong.values())
    counts = record.execute(f"SELECT {counters} FROM {table}").fetchall()[0]
    keys = ", ".join(f'"{name}"' for name in key)
    twice = record.execute(
        f"SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {table})) FROM {table}"
    ).fetchall()[0][0]
    problems = [f"{rows:,} rows with {what}" for what, rows in zip(wrong, counts, strict=True) if rows]
    if twice:
        problems.append(f"{twice:,} rows more than once, by {', '.join(key)}")
    if problems:
        raise InputRefused(
            f"{file}: {'; '.join(problems)}: it was changed after the backup was made, use another backup"
        )
