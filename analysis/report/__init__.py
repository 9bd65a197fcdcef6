"""A report: its estimates and findings, its texts and tables, its pages, and its files.

gather, findings -> summary, sections, tables, capacity, limit, glossary -> render, as_json -> files; `write` does all
"""
