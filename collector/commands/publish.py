"""``poolscope publish``: brings the configured dataset up to date, if it is due."""

import os

import click

from collector.console import say, warn
from collector.context import Context
from collector.errors import ConfigError, PoolscopeError
from collector.storage.publishing import NICENESS, publish_when_due


@click.command("publish", hidden=True)
@click.pass_obj
def command(context: Context) -> int:
    """Bring the dataset of [dataset] up to date, if that is due and no other process does.

    watch runs it beside its polls.
    """
    config = context.config()
    paths, dataset = config.paths, config.dataset
    if dataset.path is None:
        raise ConfigError("there is no dataset to publish to: set path in the section [dataset]")
    # Polls go first where cores are few.
    os.nice(NICENESS)
    try:
        published = publish_when_due(
            paths.database, paths.spool, dataset.path, context.place, dataset.every, context.clock
        )
    except PoolscopeError as error:
        warn("not_published", str(error))
        return error.exit_code
    if published is not None:
        say(
            "published",
            f"{dataset.path}: published up to {published.manifest.last_slot}, with {published.written:,} new files",
            folder=str(dataset.path),
            last_slot=published.manifest.last_slot,
            written=published.written,
        )
    return 0
