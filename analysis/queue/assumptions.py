"""What may be assumed of a queue: the statuses that count as waiting, the service discipline, the allowed share."""

from typing import Final

QUEUES: Final = {
    "queue": ("Queue",),
    "queue+pending": ("Queue", "Pending"),
    "queue+pending+creating": ("Queue", "Pending", "Creating"),
}
"""The statuses that count as waiting, by the name of the choice."""
ORDERS: Final = ("unknown", "fifo", "backfill")
"""Service disciplines that may be assumed; unknown: by the pool's queue policy, else measured."""
POLICIES: Final = {"fifo": "fifo", "traversal": "backfill", "backfill": "backfill"}
"""The service discipline by a pool's queue policy. Policies are not documented: these names are from the console."""
SHARE: Final = 0.1
"""The share of the jobs that may wait longer than the limit, by default."""
