"""The type of all paths that a command takes: a file or folder of this machine."""

from os import PathLike
from pathlib import Path

import click

from collector.record.places import has_scheme


class LocalPath(click.Path):
    """A path; an address in an object store is refused, because Path would make the name of a folder from it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path that a text is.

        Raises
        ------
        click.BadParameter
            When it begins with a scheme, such as ``s3://``.
        """
        if isinstance(value, str) and has_scheme(value):
            name = "this command" if ctx is None else ctx.info_name
            self.fail(f"{value} is not a path: {name} takes folders and files of this machine only", param, ctx)
        return Path(str(super().convert(value, param, ctx)))
