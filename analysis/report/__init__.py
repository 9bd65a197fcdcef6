"""A report: what is asked for, what matters in it, its words and tables, its pages, and its files.

gather -> findings -> sections, tables, capacity, glossary -> render, as_json -> files; `write` is all of it
"""
