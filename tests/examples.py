"""The examples of the pages, run as a reader pastes them, in a folder with the records that they name."""

import contextlib
import io
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from collector.cli import poolscope
from collector.commands.demo import CONFIG_MARK, _write_config
from collector.errors import PoolscopeError
from tests.pages import Block

WIDTH: Final = 100
"""The columns of the terminal whose output the pages show."""
CALL: Final = re.compile(r"^(?:\.venv/bin/)?poolscope (.+)$")
CODES: Final = {"doctor": (0, 1)}
"""The exit codes of commands that may end with others than 0: a warning of `doctor` is no failure."""
SHELL: Final = re.compile(r"[|&;<>$`(]")


class Terminal(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        """Return that people read it."""
        return True


@dataclass
class Reader:
    """A person who pastes the examples of a page, one after the other, in one folder."""

    folder: Path
    fill_in: dict[str, str] = field(default_factory=dict)
    """What the reader writes into the configuration that init made, by the line in its place."""

    def run(self, block: Block) -> str:
        """Run the lines of a block, and return what they show on standard output.

        Raises
        ------
        AssertionError
            When a line fails.
        """
        return "".join(self.run_line(line) for line in block.text.replace("\\\n", "").splitlines() if line.strip())

    def run_line(self, line: str) -> str:
        """Run a line, see `run`."""
        line = line.partition("  #")[0].strip()
        line, _, first_lines = line.partition(" | head -")
        call = CALL.match(line)
        if call is None or SHELL.search(line):
            return self.run_in_shell(line)
        words = shlex.split(call[1])
        if words[0] == "init":
            # It is called in a folder without a configuration, and without the keys of another one.
            (self.folder / "poolscope.toml").unlink(missing_ok=True)
            shutil.rmtree(self.folder / "keys", ignore_errors=True)
        code, shown, errors = called(words, io.StringIO() if first_lines else Terminal())
        self._fill_in()
        assert code in CODES.get(words[0], (0,)), f"{line}: exit code {code}\n{errors}{shown}"
        return "".join(shown.splitlines(keepends=True)[: int(first_lines)]) if first_lines else shown

    def run_in_shell(self, line: str) -> str:
        """Run a line in a shell, see `run`."""
        path = f"{self.folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", line], cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            input="a key\na secret\n", check=False,
        )  # fmt: skip
        assert 0 == done.returncode, f"{line}: {done.stderr}"
        return done.stdout

    def _fill_in(self) -> None:
        file = self.folder / "poolscope.toml"
        if file.exists():
            text = file.read_text(encoding="utf-8")
            for asked, written in self.fill_in.items():
                text = text.replace(asked, written)
            file.write_text(text, encoding="utf-8")


def called(words: list[str], out: io.StringIO | None = None) -> tuple[int, str, str]:
    """Call the command in this process, on a terminal or on `out`; return its exit code and what it shows."""
    out, errors = out or Terminal(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = poolscope.main(words, prog_name="poolscope", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except PoolscopeError as error:
            click.echo(str(error), err=True)
            code = error.exit_code
    return code if isinstance(code, int) else 0, out.getvalue(), errors.getvalue()


def folder_with_records(folder: Path, demo: Path, *, polled: bool = True) -> Path:
    """Fill a folder with what the examples name: the environment, the demo's record, a polled record."""
    python = folder / ".venv" / "bin"
    python.mkdir(parents=True)
    for name, module in (("poolscope", "-m collector "), ("python", "")):
        (python / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module}"$@"\n')
        (python / name).chmod(0o700)
    for place in ("data/demo/demo.duckdb", *(["data/poolscope.duckdb"] if polled else [])):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(demo, folder / place)
    _write_config(folder / "data/demo/poolscope.toml", f"{CONFIG_MARK}\n")
    return folder


@contextlib.contextmanager
def pasting(folder: Path) -> Iterator[None]:
    """Be in a folder, on a terminal of `WIDTH` columns without colours."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ.update(COLUMNS=str(WIDTH), NO_COLOR="1")
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def with_outputs(text: str, blocks: list[Block], demo: Path, folder: Path) -> str:
    """Return the text of a page with its sample outputs made anew: each follows the example that shows it."""
    reader = Reader(folder_with_records(folder, demo))
    for example, output in itertools.pairwise(blocks):
        if output.language == "text" and example.language == "sh":
            with pasting(folder):
                shown = reader.run(example)
            before = f"{example.text}```\n```text\n"
            text = text.replace(f"{before}{output.text}```", f"{before}{shown}```")
    return text
