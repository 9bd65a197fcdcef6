"""The files of reports: written under another name and then renamed; older reports are removed."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from analysis.errors import RequestRefused
from analysis.report.gather import Report
from analysis.report.render import FORMATS, MADE_BY, Page
from collector.record.files import replacing

NAME: Final = re.compile(r"poolscope-(\d{4}-\d\d-\d\d|empty)\.([a-z]{2})")
PNG: Final = b"\x89PNG\r\n\x1a\n"
HEAD: Final = 2000
"""The number of first bytes of a file that show whether Poolscope made it."""


def stem(report: Report, language: str) -> str:
    """Return the file name of a report without its ending: the date of its last slot in its zone, and its language."""
    day = "empty" if report.end is None else f"{report.end.astimezone(report.request.tz):%Y-%m-%d}"
    return f"poolscope-{day}.{language}"


def publish(folder: Path, name: str, pages: Sequence[Page]) -> list[Path]:
    """Write pages and their pictures, and return the files of the pages; a reader never finds half a file.

    Raises
    ------
    RequestRefused
        When the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for page in pages:
            # Pictures first, so that a page never refers to a missing picture.
            beside = folder / name
            if page.beside:
                beside.mkdir(exist_ok=True)
            for file, content in page.beside.items():
                _write(beside / file, content)
            _write(folder / f"{name}.{page.ending}", page.text.encode())
            written.append(folder / f"{name}.{page.ending}")
            if page.beside:
                _remove_pictures(beside, keep=page.beside)
    except OSError as error:
        raise RequestRefused(f"{folder} cannot be written ({error}): name another folder with --out") from None
    return written


def _write(file: Path, content: bytes) -> None:
    with replacing(file) as beside:
        beside.write_bytes(content)


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove the older reports of a folder, and return the removed files; only files that Poolscope made are removed.

    Parameters
    ----------
    keep
        The number of newest dates whose reports are kept.
    """
    days: dict[str, list[Path]] = {}
    for file, day in _made_here(folder):
        days.setdefault(day, []).append(file)
    removed = []
    for day in sorted(days)[:-keep]:
        for file in days[day]:
            file.unlink()
            removed.append(file)
            if file.suffix == ".md":
                _remove_pictures(file.with_suffix(""), keep=())
    return removed


def _made_here(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.glob("poolscope-*")):
        name = NAME.fullmatch(file.stem)
        if name is None or name[1] == "empty" or file.suffix.removeprefix(".") not in FORMATS:
            continue
        with file.open("rb") as opened:
            if MADE_BY.encode() in opened.read(HEAD):
                yield file, str(datetime.fromisoformat(name[1]).date())


def _remove_pictures(folder: Path, keep: Collection[str]) -> None:
    """Remove a report's pictures, except those in `keep`, and the folder if it is empty then."""
    if not folder.is_dir():
        return
    for file in folder.glob("*.png"):
        with file.open("rb") as opened:
            ours = opened.read(HEAD).startswith(PNG) and b"Poolscope" in file.read_bytes()[:HEAD]
        if ours and file.name not in keep:
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
