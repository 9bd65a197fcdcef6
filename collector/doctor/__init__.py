"""What keeps Poolscope from polling well, found before it costs slots: endpoint, files, record; each with its mend."""
