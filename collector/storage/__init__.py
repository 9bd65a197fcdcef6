"""Writing the database: drain of the spool, compaction, backup and restore, import and export, and the lock."""
