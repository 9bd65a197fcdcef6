"""The keys of the configuration: names from their readers, defaults from the settings, meanings from init's file.

The comment above a key in ``collector/commands/poolscope.toml`` is its meaning; it is said nowhere else.
"""

import re
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from collector.api.credentials import CredentialProfile
from collector.commands.init import TEMPLATE
from collector.config import values
from collector.config.settings import Config, Project
from collector.record.durations import say_duration

READERS: Final = {**values.SECTIONS, **values.NAMED_SECTIONS}
SECTIONS: Final = (*READERS, "flavors")
OF_NAMED: Final[dict[str, Any]] = {"credentials": CredentialProfile("NAME"), "projects": Project("NAME")}
"""The settings of the sections of which there may be several."""
SECTION: Final = re.compile(r"^(?:# )?\[([\w.]+)\]$")
ASSIGNMENT: Final = re.compile(r'^(?:# )?("[^"]+"|\w+) = (.+)$')


@dataclass(frozen=True)
class Key:
    """A key of a section, as the reference shows it."""

    name: str
    meaning: str
    example: str
    default: str


def _documented() -> dict[str, dict[str, tuple[str, str]]]:
    """Return meaning and example of each key of each section, as init's file has them."""
    sections: dict[str, dict[str, tuple[str, str]]] = {}
    section, comment = "", ""
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        if heading := SECTION.match(line):
            section, comment = heading[1].partition(".")[0], ""
        elif assignment := ASSIGNMENT.match(line):
            sections.setdefault(section, {})[assignment[1]] = comment, assignment[2]
            comment = ""
        else:
            comment = f"{comment} {line.removeprefix('#').strip()}".strip() if line.startswith("#") else ""
    return sections


def _default(section: str, key: str) -> str:
    settings = OF_NAMED.get(section, getattr(Config(), section, None))
    if not is_dataclass(settings) or key not in {field.name for field in fields(settings)}:
        return "-"
    value = getattr(settings, key)
    if value in (None, "", ()):
        return "-"
    if isinstance(value, timedelta):
        value = say_duration(value)
    return (
        f"`{', '.join(value) if isinstance(value, tuple) else value.as_posix() if isinstance(value, Path) else value}`"
    )


DOCUMENTED: Final = _documented()
KEYS: Final = {
    section: [
        Key(name, *DOCUMENTED.get(section, {}).get(name, ("", "")), _default(section, name))
        for name in READERS.get(section, DOCUMENTED.get(section, {}))
    ]
    for section in SECTIONS
}
"""The keys of each section; a key that init's file lacks has no meaning, which a test refuses."""
