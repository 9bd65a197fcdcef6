"""The notebooks: copied to where a user wants them, and opened; the record that they begin with."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from collector.record import RecordUnreadable

HERE: Final = Path(__file__).parent.parent
DEMO: Final = Path("data", "demo", "demo.duckdb")


def shipped() -> list[Path]:
    """Return the notebooks that came with Poolscope: beside this file in a package, beside its folder in a checkout."""
    inside, beside = (sorted(folder.glob("notebooks/*.ipynb")) for folder in (HERE / "templates", HERE.parent))
    return inside or beside


def demo() -> Path:
    """Return the demo's database: that of this folder or the one above, made here if it is in neither.

    Raises
    ------
    RecordUnreadable
        When it cannot be made.
    """
    for folder in (Path(), Path("..")):
        if (folder / DEMO).exists():
            return folder / DEMO
    call = [sys.executable, "-m", "collector", "demo", "--out", str(DEMO.parent)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)  # noqa: S603 - this program itself
    if done.returncode:
        raise RecordUnreadable(f"the demo could not be made: {done.stderr.strip()[-500:]}")
    return DEMO


@click.command("notebooks")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("notebooks"), show_default=True
)
@click.option("--no-open", is_flag=True, help="Only copy them.")
def notebooks(folder: Path, no_open: bool) -> None:
    """Copy the notebooks to a folder, and open them in JupyterLab.

    One that is there already stays as it is: it may hold your work.
    """
    found = shipped()
    if not found:
        raise click.ClickException("the notebooks did not come with this installation: install poolscope again")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in found:
            copy = folder / notebook.name
            if copy.exists() and copy.samefile(notebook):
                continue
            if copy.exists():
                click.echo(f"{copy} is there already and stays as it is")
            else:
                shutil.copyfile(notebook, copy)
                click.echo(copy)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error}): name another folder with --dir") from None
    if no_open:
        return
    if importlib.util.find_spec("jupyterlab") is None:
        click.echo("JupyterLab is not installed: pip install 'poolscope[notebooks]', and call this again")
        return
    # Jupyter takes over: what it says and how it ends is the user's.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.absolute()}"])  # noqa: S606 - a program of this environment
