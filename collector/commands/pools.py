"""``poolscope pools``: shows the discovered pools and their changes."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from collector.cli import Context
from collector.console import as_json, say, table
from collector.polling.discovery import STATES
from collector.record.reading import reading
from collector.storage.pools import Change, PoolDescription, describe, unknown_flavors

SHOWN_CHANGES = 20


@click.command("pools")
@click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(context: Context, json_: bool) -> None:
    """Show the pools and their changes.

    Shows pools as discovery listed them, including pools that no longer exist. Cards are the nodes times the cards per
    node, which are in [flavors] of the configuration.
    """
    flavors = context.config().flavors
    pools, changes = _describe(context, flavors)
    if json_:
        click.echo(as_json({"pools": [asdict(p) for p in pools], "changes": [asdict(c) for c in changes]}, indent=2))
        return
    table("pool", [asdict(pool) for pool in pools], _cells)
    if not pools:
        say(
            "no_pools",
            "No pool has been discovered yet: poolscope collect lists the pools once per discovery_interval.",
        )
    for change in changes[-SHOWN_CHANGES:]:
        text = f"{change.slot:%Y-%m-%d %H:%M}Z  {change.project} {change.pool}: {_change_text(change)}"
        say("pool_changed", text, **asdict(change))
    if unknown := unknown_flavors(pools, flavors):
        say(
            "unknown_flavors",
            f"Add the number of cards per node to [flavors] for: {', '.join(unknown)}.",
            flavors=unknown,
        )


def _describe(context: Context, flavors: Mapping[str, int]) -> tuple[list[PoolDescription], list[Change]]:
    database, spool = context.record()
    with reading(database, spool, context.clock.pause) as record:
        return describe(record, flavors)


def _change_text(change: Change) -> str:
    if change.what == "listed":
        return "is listed again" if change.after else "is no longer listed"
    return f"{change.what} {_value(change.before)} -> {_value(change.after)}"


def _value(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(_nodes(nodes) for nodes in value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "nothing")


def _nodes(nodes: Mapping[str, Any]) -> str:
    states = ", ".join(f"{nodes[state]} {state}" for state in STATES if nodes[state])
    return f"{nodes['count']} x {nodes['flavor']}" + (f" ({states})" if states else "")


def _cells(pool: Mapping[str, Any]) -> dict[str, object]:
    return {
        "project": pool["project"],
        "pool": pool["pool"],
        "name": pool["name"],
        "phase": pool["phase"] if pool["listed"] else "gone",
        "nodes": _value(pool["nodes"]) if pool["nodes"] else None,
        "cards": pool["cards"],
        "jobs": ", ".join(pool["scope"]) if pool["scope"] else None,
        "queue": pool["queue_policy"],
        "created": pool["created_at"],
        "changed": pool["changed_slot"],
    }
