"""The build hook: compiles the catalogues of translations whenever the package is built or installed, see pyproject."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Of no meaning to gettext; the same source is to make the same bytes.
ANY_DATE = datetime(2000, 1, 1, tzinfo=UTC)


class CompileCatalogues(BuildHookInterface):  # type: ignore[misc]  # hatchling is there while a package is built alone
    """Writes a ``.mo`` beside each ``.po``, which the wheel takes in as an artifact and an editable install reads."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - as hatchling calls it
        """Compile every catalogue."""
        for source in Path(self.root, "analysis", "locale").glob("*.po"):
            with source.open("rb") as file:
                catalogue = read_po(file)
            catalogue.creation_date = catalogue.revision_date = ANY_DATE
            with source.with_suffix(".mo").open("wb") as file:
                write_mo(file, catalogue)
