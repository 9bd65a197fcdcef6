"""One module a command, imported when it is called; each has its click command as `command`."""
