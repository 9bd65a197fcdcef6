"""How what was polled gets into the database, stays small, and comes and goes as files."""
