"""The group of all commands: it imports a command when it is called, and gives it the options that commands share."""

import importlib
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from collector.catalogue import COMMANDS, SECTIONS, Listed
from collector.console import be_loud
from collector.errors import RecordUnreadable
from collector.local_path import LocalPath
from collector.record.nearest import hint
from collector.record.places import has_scheme, is_in_store, spool_of

SHARED: Final[dict[str, frozenset[str]]] = {
    "config_file": frozenset({"record", "database", "configuration"}),
    "database": frozenset({"record", "database"}),
}
"""The shared options that not all commands have: what a command uses that has them."""


def _into_context(ctx: click.Context, option: click.Parameter, value: object) -> None:
    """Keep the value of an option in the `Context` that commands get; the nearest to the end of the line counts."""
    if value is not None and ctx.obj is not None:
        ctx.obj = replace(ctx.obj, **{str(option.name): value})


class NoRecord(click.ClickException):
    """The record of ``--db`` does not exist."""

    exit_code = RecordUnreadable.exit_code


def _database(ctx: click.Context, option: click.Parameter, text: str | None) -> None:
    # That before the command holds for it too.
    text = getattr(ctx.obj, "database", None) if text is None else text
    if text is not None:
        if not text or "\0" in text:
            raise click.BadParameter("must not be empty", ctx, option)
        if has_scheme(text) and not is_in_store(text):
            message = f"{text} is neither a path nor s3://BUCKET/PREFIX: no other store is supported"
            raise click.BadParameter(message, ctx, option)
        if listed := COMMANDS.get(ctx.info_name or ""):
            _check_use(text, listed, ctx, option)
    _into_context(ctx, option, text)


def _check_use(text: str, listed: Listed, ctx: click.Context, option: click.Parameter) -> None:
    """Refuse a dataset where a command needs a database, and a record that does not exist where it makes none."""
    if listed.uses == "database" and (is_in_store(text) or Path(text).is_dir()):
        raise click.BadParameter(
            f"{text} is a folder or a dataset, and {ctx.info_name} needs a database, a file", ctx, option
        )
    path = Path(text)
    if listed.makes or is_in_store(text) or path.exists() or spool_of(path).exists():
        return
    nearby = [str(path.with_name(name.name)) for name in path.parent.glob("*.duckdb")]
    raise NoRecord(f"{text} does not exist: name a database or a dataset with --db{hint(text, nearby)}")


def _loudness(ctx: click.Context, option: click.Parameter, value: object) -> None:
    if value:
        ctx.meta[f"{__name__}.{option.name}"] = True
    verbose, quiet = (bool(ctx.meta.get(f"{__name__}.{name}")) for name in ("verbose", "quiet"))
    if verbose and quiet:
        raise click.UsageError("use either --verbose or --quiet", ctx)
    listed = COMMANDS.get(ctx.info_name or "")
    be_loud(verbose=verbose, quiet=quiet, answering=listed is None or listed.answers)


def shared_options(uses: str | None = None) -> list[click.Option]:
    """Return the options that a command shares with others; those of the group where it is None."""

    def option(
        *names: str,
        callback: Callable[[click.Context, click.Parameter, Any], None],
        **more: Any,  # noqa: ANN401 - as click takes it
    ) -> click.Option:
        return click.Option(names, expose_value=False, callback=callback, **more)

    options = [
        option(
            "--config",
            "config_file",
            callback=_into_context,
            type=LocalPath(),
            envvar="POOLSCOPE_CONFIG" if uses is None else None,
            help="The configuration; default: poolscope.toml in this folder, or in one above it that is yours.",
        ),
        option(
            "--db",
            "database",
            callback=_database,
            type=click.Path(),
            metavar="FILE" if uses == "database" else "FILE|FOLDER|s3://BUCKET/PREFIX",
            help="The database; default: that of the configuration."
            if uses == "database"
            else "The database or dataset; default: the database of the configuration.",
        ),
        option(
            "-v",
            "--verbose",
            callback=_loudness,
            is_flag=True,
            help="Tell each step on standard error.",
        ),
        option(
            "-q",
            "--quiet",
            callback=_loudness,
            is_flag=True,
            help="Show only answers and problems: no progress and no confirmations.",
        ),
    ]
    return [one for one in options if uses is None or uses in SHARED.get(str(one.name), {uses})]


class LazyGroup(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of help."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command and return it, with the shared options and its examples; None where there is none."""
        listed = COMMANDS.get(cmd_name)
        if listed is None:
            return None
        module, _, name = listed.module.partition(":")
        command = getattr(importlib.import_module(module), name or "command")
        return _equipped(command, listed) if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the arguments; where there is none, the error names the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            refuse_name(args[0], ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the commands under their headings, without importing one."""
        width = max(map(len, self.list_commands(click.Context(self))))
        for heading, section in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(width), listed.summary.rstrip(".")) for name, listed in section.items()]
                )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of a command's name or an option, without importing a command."""
        names = [
            CompletionItem(name, help=COMMANDS[name].summary)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def refuse_name(name: str, ctx: click.Context) -> None:
    """Raise a usage error that names the command nearest to a name."""
    ctx.fail(f"there is no command {name!r}: poolscope help lists all{hint(name, COMMANDS)}")


def _equipped(command: click.Command, listed: Listed) -> click.Command:
    """Return a command with the shared options and its examples."""
    equipped = copy(command)
    equipped.params = [*command.params, *shared_options(listed.uses)]
    equipped.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in listed.examples)
    return equipped
