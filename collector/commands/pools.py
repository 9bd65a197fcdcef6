"""``poolscope pools``: shows the discovered pools and their changes."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

import click

from collector.context import Context
from collector.output.forms import TABLE, Target, output_options
from collector.output.layout import STAYS, Heading
from collector.output.rows import Rows, tell
from collector.output.visible import one_line
from collector.polling.discovery import STATES
from collector.record.reading import reading
from collector.storage.pools import Change, PoolDescription, describe, unknown_flavors
from collector.storage.unlisted import unlisted_pools

SHOWN_CHANGES = 20
HEADINGS = (
    Heading("project", is_name=True),
    Heading("pool", STAYS, is_name=True),
    Heading("name", STAYS, is_name=True),
    Heading("phase", STAYS),
    Heading("nodes", STAYS),
    Heading("cards", right=True),
    Heading("jobs"),
    Heading("queue", 1),
    Heading("created", 1),
    Heading("changed", 1),
)


@click.command("pools")
@output_options
@click.pass_obj
def command(context: Context, target: Target) -> None:
    """Show the pools and their changes.

    Shows pools as discovery listed them, including pools that no longer exist. Cards are the nodes times the cards per
    node, which are in [flavors] of the configuration.
    """
    flavors = context.config("flavors").flavors
    pools, changes, deleted = _describe(context, flavors)
    document = {"pools": [asdict(pool) for pool in pools], "changes": [asdict(change) for change in changes]}
    tell(target, Rows(PoolDescription, pools, HEADINGS, partial(_cells, deleted), document))
    if target.form == "json":
        return
    # What is no row of the answer: beside the table, else on standard error.
    aside = target.form != TABLE or target.file is not None
    if not pools:
        click.echo(
            "No pool has been discovered yet: poolscope collect lists the pools once per discovery_interval.", err=aside
        )
    for change in [] if aside else changes[-SHOWN_CHANGES:]:
        text = one_line(f"{change.project} {change.pool}: {_change_text(change)}")
        click.echo(f"{change.slot:%Y-%m-%d %H:%M}Z  {text}")
    if unknown := unknown_flavors(pools, flavors):
        names = one_line(", ".join(unknown))
        click.echo(f"Add the number of cards per node to [flavors] for: {names}.", err=aside)


def _describe(
    context: Context, flavors: Mapping[str, int]
) -> tuple[list[PoolDescription], list[Change], set[tuple[str, str]]]:
    """Return the pools, their changes, and the pools that a listing lacks, by project and id."""
    database, spool = context.record()
    with reading(database, spool, context.clock.pause) as record:
        deleted = {(pool.project, pool.pool) for pool in unlisted_pools(record) if pool.deleted}
        return *describe(record, flavors), deleted


def _change_text(change: Change) -> str:
    if change.what == "listed":
        return "is listed again" if change.after else "is no longer listed"
    if change.what == "found":
        return "was not found by its poll"
    return f"{change.what} {_value(change.before)} -> {_value(change.after)}"


def _value(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(_nodes(nodes) for nodes in value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "nothing")


def _nodes(nodes: Mapping[str, Any]) -> str:
    usual = nodes["available"] == nodes["count"]
    states = "" if usual else ", ".join(f"{nodes[state]} {state}" for state in STATES if nodes[state])
    return f"{nodes['count']} x {nodes['flavor']}" + (f" ({states})" if states else "")


def _cells(deleted: Collection[tuple[str, str]], pool: Mapping[str, Any]) -> dict[str, object]:
    unlisted = "gone" if (pool["project"], pool["pool"]) in deleted else "not found"
    return {
        "project": pool["project"],
        "pool": pool["pool"],
        "name": pool["name"],
        "phase": pool["phase"] if pool["listed"] else unlisted,
        "nodes": _value(pool["nodes"]) if pool["nodes"] else None,
        "cards": pool["cards"],
        "jobs": ", ".join(pool["scope"]) if pool["scope"] else None,
        "queue": pool["queue_policy"],
        "created": pool["created_at"],
        "changed": pool["changed_slot"],
    }
