"""The reference tables of the READMEs, made from the code: ``python -m tests.reference`` writes them anew.

A table stands between two lines, ``<!-- columns of waits -->`` and ``<!-- end -->``.
"""

import re
from pathlib import Path
from typing import Final

from analysis.schemas import SCHEMAS
from analysis.schemas.schema import Schema
from analysis.schemas.shared import LABELS

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "analysis" / "README.md"
TABLE: Final = re.compile(r"(<!-- columns of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def columns(schema: Schema) -> str:
    """Return the columns of a schema as a table in Markdown."""
    rows = [f"| `{column.name}` | {column.measured_in or '-'} | {column.meaning} |" for column in schema]
    return "\n".join(["", "| column | unit | meaning |", "|---|---|---|", *rows, "", ""])


def with_tables(text: str) -> str:
    """Return the text of a README with its tables made anew."""
    schemas = {"labels": LABELS, **SCHEMAS}
    return TABLE.sub(lambda table: f"{table[1]}{columns(schemas[table[2]])}{table[3]}", text)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
