"""The contract of both packages: what the tables hold, how it is kept, and how it is read."""

from collector.errors import RecordUnreadable

__all__ = ["RecordUnreadable"]
