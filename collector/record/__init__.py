"""The contract of both packages: the tables, the files that hold them, and how both are read."""

from collector.errors import RecordUnreadable, interrupted

__all__ = ["RecordUnreadable", "interrupted"]
