"""The notebooks: copied to a folder of the user and opened; and the demo's database, which they read at first."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from analysis.cli.estimates import local_path
from collector.record import RecordUnreadable

HERE: Final = Path(__file__).parent.parent
DEMO: Final = Path("data", "demo", "demo.duckdb")


def shipped() -> list[Path]:
    """Return the notebooks of this installation: within this package, or in a checkout beside it."""
    inside, beside = (sorted(folder.glob("notebooks/*.ipynb")) for folder in (HERE / "templates", HERE.parent))
    return inside or beside


def demo() -> Path:
    """Return the demo's database in this folder or its parent; run the demo here if neither has one.

    Raises
    ------
    RecordUnreadable
        When the demo fails.
    """
    for folder in (Path(), Path("..")):
        if (folder / DEMO).exists():
            return folder / DEMO
    call = [sys.executable, "-m", "collector", "demo", "--out", str(DEMO.parent)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)  # noqa: S603 - this program itself
    if done.returncode:
        raise RecordUnreadable(f"poolscope demo failed: {done.stderr.strip()[-500:]}")
    return DEMO


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
def notebooks(folder: Path, no_open: bool) -> None:
    """Copy the notebooks to a folder, and open them in JupyterLab.

    A notebook that is there already is not overwritten: it may hold your work.
    """
    originals = shipped()
    if not originals:
        raise click.ClickException("this installation has no notebooks: install poolscope again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in originals:
            copy = folder / notebook.name
            if copy.exists() and copy.samefile(notebook):
                continue
            if copy.exists():
                click.echo(f"{copy} exists and was not overwritten")
            else:
                shutil.copyfile(notebook, copy)
                click.echo(copy)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error}): name another folder with --dir") from None
    if no_open:
        return
    if importlib.util.find_spec("jupyterlab") is None:
        click.echo("JupyterLab is not installed: run pip install 'poolscope[notebooks]', then this command again")
        return
    # Jupyter takes over: its output and its exit code are for the user.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.absolute()}"])  # noqa: S606 - a program of this environment
