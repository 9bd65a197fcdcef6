"""How answers leave Poolscope: in which form, to a terminal, a pipe or a file.

`forms` decides from the options of a command where an answer goes and in which form; `delivery` writes it there.
`layout` makes tables of text and Markdown, `spreadsheet` workbooks, `documents` JSON, and `rows` all forms of the
rows of a command. `visible` lets no control character reach a terminal.

Both packages import it, so that an answer looks alike whichever of them gives it. It imports only `collector.record`
and `collector.errors`.
"""
