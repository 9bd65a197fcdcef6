"""Export of snapshot rows to a file for other tools, which import can read back."""

from pathlib import Path
from typing import Final

import duckdb

from collector.errors import InputRefused, RecordNotWritten
from collector.record.columns import create_table
from collector.record.database import Record
from collector.record.files import replacing
from collector.record.paths import quoted
from collector.record.selection import IN_SPAN, Selection, select_pools
from collector.record.statuses import STATUSES

FORMATS: Final = {".parquet": "FORMAT parquet", ".csv": "FORMAT csv, HEADER"}


def export(record: Record, selection: Selection, output: Path) -> int:
    """Write rows in the order of project, pool, type and slot; the file appears whole or not at all.

    Statuses that no document names are written as a JSON object in the column other_statuses.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    InputRefused
        When the file name does not end in .parquet or .csv, or no row is selected.
    RecordNotWritten
        When the file cannot be written.
    """
    if output.suffix.lower() not in FORMATS:
        raise InputRefused(f"{output}: the format is not known: name a file that ends in .parquet or .csv")
    statuses = ", ".join(f'"{status}"' for status in STATUSES)
    pools = select_pools(record, selection)
    record.execute(create_table("wanted", {"project": "VARCHAR", "pool": "VARCHAR"}))
    record.execute(
        "INSERT INTO wanted SELECT unnest($1), unnest($2)",
        [[project for project, _, _ in pools], [pool for _, pool, _ in pools]],
    )
    record.execute(
        f"""CREATE OR REPLACE TEMP TABLE selected AS
        SELECT slot, project, pool, type, total, {statuses}, CAST(to_json(other_statuses) AS VARCHAR) AS other_statuses
        FROM snapshots SEMI JOIN wanted USING (project, pool) WHERE {IN_SPAN}""",
        selection.span,
    )
    rows = int(record.execute("SELECT count(*) FROM selected").fetchall()[0][0])
    if not rows:
        raise InputRefused(
            "the record has no rows of that selection, so no file was written: check --since, --until and the patterns"
        )
    try:
        with replacing(output) as beside:
            ordered = "FROM selected ORDER BY project, pool, type, slot"
            record.execute(f"COPY ({ordered}) TO {quoted(beside)} ({FORMATS[output.suffix.lower()]})")
    except (duckdb.Error, OSError) as error:
        raise RecordNotWritten(
            f"{output} could not be written ({str(error)[:200]}): check the folder and the disk"
        ) from None
    return rows
