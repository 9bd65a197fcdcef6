"""The notebooks: copied to a folder of the user and opened; and the demo's database, which they read at first."""

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from analysis.cli.estimates import local_path
from collector.record import RecordUnreadable
from collector.record.folders import DEMO, find_upwards

HERE: Final = Path(__file__).parent.parent
NO_DATABASE: Final = "DATABASE = None"


def shipped() -> list[Path]:
    """Return the notebooks of this installation: within this package, or in a checkout beside it."""
    inside, beside = (sorted(folder.glob("notebooks/*.ipynb")) for folder in (HERE / "templates", HERE.parent))
    return inside or beside


def demo() -> Path:
    """Return the demo's database, of this folder or of one above it.

    Raises
    ------
    RecordUnreadable
        When there is none: nothing is made in its place.
    """
    here = Path().absolute()
    database = find_upwards(DEMO, here)
    if database is None:
        raise RecordUnreadable(
            f"there is no {DEMO} in {here} or above it: run poolscope demo there (some minutes), or name your"
            " record in DATABASE"
        )
    return database


@click.command("notebooks")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False),
    callback=local_path,
    default="notebooks",
    show_default=True,
    help="The folder to copy to.",
)
@click.option("--no-open", is_flag=True, help="Copy the notebooks without opening them.")
@click.option("--allow-root", is_flag=True, help="Let JupyterLab run as root, which it refuses otherwise.")
def notebooks(folder: Path, no_open: bool, allow_root: bool) -> None:
    """Copy the notebooks to a folder, and open them in JupyterLab.

    A notebook that is there already is not overwritten: it may hold your work. The notebooks read the record of
    poolscope demo until you name yours in their first cell.
    """
    originals = shipped()
    if not originals:
        raise click.ClickException("this installation has no notebooks: install poolscope again")
    record = find_upwards(DEMO, Path().absolute())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A copy elsewhere would not find it by itself.
        named = None if find_upwards(DEMO, folder.resolve()) == record else record
        for notebook in originals:
            _copy(notebook, folder / notebook.name, named)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error}): name another folder with --dir") from None
    if record is None and find_upwards(DEMO, folder.resolve()) is None:
        click.echo("there is no demo yet: run poolscope demo, or name your record in the first cell of a notebook")
    if not no_open:
        _open(folder, allow_root)


def _copy(notebook: Path, copy: Path, database: Path | None) -> None:
    """Copy a notebook, unless it is there already; a database is named in its first cell."""
    if copy.exists():
        if not copy.samefile(notebook):
            click.echo(f"{copy} exists and was not overwritten")
        return
    shutil.copyfile(notebook, copy)
    if database is not None:
        # A text in Python, within a text in JSON.
        named = json.dumps(f"DATABASE = {str(database)!r}")[1:-1]
        copy.write_text(copy.read_text(encoding="utf-8").replace(NO_DATABASE, named, 1), encoding="utf-8")
    click.echo(copy)


def _open(folder: Path, allow_root: bool) -> None:
    if importlib.util.find_spec("jupyterlab") is None:
        click.echo("JupyterLab is not installed: run pip install 'poolscope[notebooks]', then this command again")
        return
    if os.geteuid() == 0 and not allow_root:
        raise click.UsageError(
            "JupyterLab does not run as root: call this command as another user, or with --allow-root on a machine of"
            " your own"
        )
    click.echo(f"opening JupyterLab on {folder}: Ctrl-C ends it", err=True)
    words = ["-m", "jupyterlab", f"--ServerApp.root_dir={folder.absolute()}", *(["--allow-root"] if allow_root else [])]
    # Jupyter takes over: its output and its exit code are for the user.
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - a program of this environment
