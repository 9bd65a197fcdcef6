"""What a table says once: rows without a figure, notes that differ only in numbers, and a week as a map."""

from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.text.refusals import merged
from analysis.text.terminal import table
from tests.analysis.text.test_tables import frame_of

UNKNOWN: Final[dict[str, Any]] = {
    **dict.fromkeys(("before", "after", "change", "change_low", "change_high"), np.nan),
    "changed_at": pd.NaT,
    "direction": None,
}


def refused(more_days: float, note: str, **values: object) -> pd.DataFrame:
    return frame_of("changes", **UNKNOWN, more_days=more_days, note=note, **values)


def test_where_no_change_can_be_told_one_line_says_when() -> None:
    """No row and no footnote: how many days it takes, and for how many rows more than a year."""
    rows = [refused(days, f"needs about {days} days more", pool=f"p{days}") for days in (1, 18, 96, 3000)]
    first, line = table(pd.concat(rows)).splitlines()
    assert "2026-01-05 00:00 to 2026-01-12 00:00, coverage 25%" == first
    assert (
        "no change can be told yet: needs about 1 to 96 more days, in 1 of them more than a year "
        "(--format csv has all rows)"
    ) == line


def test_rows_with_a_figure_stay_and_the_others_are_counted() -> None:
    """Unknown reaches the reader: how many rows, and why; a single row is named."""
    rows = [
        frame_of("changes", pool_name="found", note=""),
        refused(18, "too few", pool_name="a"),
        refused(18, "too few", pool_name="b"),
    ]
    rows.append(refused(0, "no change beyond chance", pool_name="c"))
    shown = table(pd.concat(rows))
    assert 1 == sum(line.startswith("found") for line in shown.splitlines())
    assert "no change can be told yet in 2 of 4 rows: needs about 18 more days" in shown
    assert "c, a, mean wait: no change beyond chance (--format csv has all rows)" in shown


def test_notes_that_differ_in_numbers_are_one_with_ranges() -> None:
    """Where there are many; dates, names and ranges have no range."""
    notes = [f"needs about {n} day{'s' * (n > 1)} more ({n}.5 of 10)" for n in (1, 2, 5, 1_200)]
    assert [("needs about 1 to 1200 days more (1.5 to 1200.5 of 10)", notes)] == merged(notes)
    assert 3 == len(merged(notes[:3]))
    for text in ("since 2026-01-0{n}", "pool-{n} is left out", "{n} to 9 times"):
        assert 4 == len(merged(text.format(n=n) for n in range(1, 5)))


def test_a_note_with_ranges_says_that_they_go_over_rows() -> None:
    """Each row has one number: a table does not say that it has a range."""
    rows = [frame_of("load", pool=f"{n}", note=f"{n} jobs gave up") for n in (6, 9, 30, 71)]
    assert " 6 to 71 jobs gave up (smallest and largest of 4 rows)\n" in table(pd.concat(rows))
    assert "(smallest and largest" not in table(pd.concat(rows[:3]))


def test_a_profile_is_a_map_of_days_by_hours() -> None:
    """Denser signs are longer waits, and the legend has their numbers; an hour without jobs is not one of no wait."""
    waits = {
        (1, 8): (5.0, 60.0),
        (1, 9): (5.0, 900.0),
        (1, 10): (5.0, 9000.0),
        (2, 8): (0.0, np.nan),
        (2, 9): (np.nan, np.nan),
    }
    rows = [
        frame_of("profile", weekday=float(day), hour=float(hour), arrivals=jobs, wait_seconds=wait)
        for (day, hour), (jobs, wait) in waits.items()
    ]
    _span, _empty, name, hours, monday, tuesday, *rest = table(pd.concat(rows), 80).splitlines()
    assert "a, a" == name
    cells = [dict(zip(hours.split(), line.split()[1:], strict=True)) for line in (monday, tuesday)]
    assert ["..", "++", "##"] == [cells[0][hour] for hour in ("08", "09", "10")]
    assert ["--", "??"] == [cells[1][hour] for hour in ("08", "09")]
    legend = " ".join(rest)
    assert "mean wait: .. under 5 min" in legend
    assert "-- no job arrived" in legend
    assert "?? not known" in legend
