"""Texts for people: translations, units, cells of tables, and tables of a terminal."""
