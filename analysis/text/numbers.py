"""The cells of a table that show one number alone, as numbers: a workbook can calculate with these."""

import pandas as pd

from analysis.estimate import columns_of
from analysis.schemas.schema import Kind
from analysis.schemas.trends import BY_MEASURE
from analysis.text.cells import OF_POINT, OWN, shown_columns

Numbers = dict[str, tuple[float, Kind]]
"""By heading: a number, and the kind of its column."""


def numbers_of(question: str, row: pd.Series) -> Numbers:
    """Return the numbers of a row's cells that have no bounds and no unit of their own."""
    schema = shown_columns(question)
    numbers: Numbers = {}
    for column in schema:
        bounded = columns_of(column.name)[1] in schema.names
        alone = (question, column.name) in OF_POINT or not (bounded or (question, column.name) in OWN)
        plain = column.kind in (Kind.COUNT, Kind.NUMBER, Kind.SHARE) and column.unit != BY_MEASURE
        if column.heading and alone and plain and pd.notna(row.get(column.name)):
            numbers[column.heading] = float(row[column.name]), column.kind
    return numbers
