"""The statuses that the API's documents name, as the tables spell them, and the largest count that a table holds."""

from typing import Final

STATUSES: Final = (
    "Queue",
    "Pending",
    "Abnormal",
    "Terminating",
    "Creating",
    "Running",
    "Completed",
    "Terminated",
    "Failed",
)
ENDED: Final = ("Completed", "Failed", "Terminated")
"""The statuses that a job never leaves."""
LARGEST_COUNT: Final = 2**31 - 1

# Only the letters of a label: one that differs from a documented status in case, spaces, hyphens or underscores is it.
_LETTERS: Final = r"lower(regexp_replace(entry.key, '[\s_-]', '', 'g'))"
_NAMES: Final = ", ".join(f"'{status.lower()}'" for status in STATUSES)
_SUM: Final = """(list_sum(list_transform(list_filter(map_entries(other_statuses), lambda entry: {taken}),
    lambda entry: entry.value)))::BIGINT"""
UNDOCUMENTED: Final = f"{_LETTERS} NOT IN ({_NAMES})"
"""SQL condition: no document names the label of an `entry` of other_statuses, in any spelling."""
UNDOCUMENTED_JOBS: Final = (
    f"CASE WHEN other_statuses IS NULL THEN 0 ELSE coalesce({_SUM.format(taken=UNDOCUMENTED)}, 0) END"
)
"""SQL for the number of jobs of a snapshot in undocumented statuses: what these jobs do is unknown."""


def jobs_in(status: str) -> str:
    """Return the SQL for the number of jobs of a snapshot in a documented status, in any spelling; NULL if unknown."""
    spelled = _SUM.format(taken=f"{_LETTERS} = '{status.lower()}'")
    return f"""CASE WHEN other_statuses IS NULL THEN "{status}"
        ELSE coalesce("{status}" + {spelled}, {spelled}, "{status}") END"""
