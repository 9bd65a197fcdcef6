"""The contract of both packages: what the tables hold, how it is kept, and how it is read."""

from collector.errors import RecordUnreadable, interrupted

__all__ = ["RecordUnreadable", "interrupted"]
