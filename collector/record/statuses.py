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
"""Those in which a job stays for good."""
LARGEST_COUNT: Final = 2**31 - 1
