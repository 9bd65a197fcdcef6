"""Words for people: the language, units, cells, and tables of a terminal."""
