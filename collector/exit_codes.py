"""The exit codes of `poolscope`: help and READMEs are made from this list."""

from typing import Final

EXIT_CODES: Final = {
    0: "all is well",
    1: "some pools failed; the failures are recorded",
    2: "the command line or the configuration is wrong; nothing was done",
    3: "another run is writing to the same record; nothing was done",
    4: "a file or the record could not be written (disk, permissions)",
    5: "the database is damaged, in use, from a newer Poolscope, or was not made by Poolscope",
    6: "an input file cannot be used; nothing of it was written",
    7: "the record is older than --max-age",
    8: "a part of a report or of an answer could not be made; the rest is there",
    9: "more jobs waited too long than --fail-above allows",
    10: "some series cannot be judged against --fail-above",
    11: "the report was written, but not mailed to all recipients; this code wins over 8, 9 and 10",
    70: "a defect of Poolscope: please report the message",
    130: "ended by Ctrl-C",
    141: "the program that read the output has ended",
}
"""The meaning of each code."""
OF_DOCTOR: Final = {0: "no problems", 1: "there are warnings", 2: "there are errors"}
"""The meaning of the codes of `poolscope doctor`, which has its own."""


def help_text() -> str:
    """Return the codes as the end of a help page; click keeps its lines apart."""
    codes = [f"  {code:<3} {meaning}" for code, meaning in EXIT_CODES.items()]
    own = ", ".join(f"{code} {meaning}" for code, meaning in OF_DOCTOR.items() if code)
    return "\n".join(["\b", "Exit codes:", *codes, f"doctor has its own codes: {own}"])
