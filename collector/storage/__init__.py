"""Writing the database and datasets: drain of the spool, compaction, backup, restore, import, export, and the lock."""
