"""The answers of plans and forecasts in sentences: what pools need for their targets, and until when they have it."""

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from analysis.capacity.plan import MONTH_HOURS
from analysis.notes import GOOD, NONE, amount
from analysis.text.language import _, plural, translated
from analysis.text.units import duration, named

NODES: Final = "nodes"


def answers(frame: pd.DataFrame) -> Iterator[str]:
    """Say what each pool needs for its target, then what could be moved and what is to be bought.

    Parameters
    ----------
    frame
        As `History.plan` returned it; pools without a target are left out.
    """
    aimed = frame[frame["target_seconds"].notna()]
    rows = [(nearest(part), _today(part)) for _key, part in aimed.groupby(["project", "pool"], sort=False)]
    for row, today in rows:
        yield _of_pool(row, today)
    yield from _across(rows)


def foreseen(frame: pd.DataFrame) -> Iterator[str]:
    """Say until when today's capacity of each pool suffices for its target, and by when to order more.

    Parameters
    ----------
    frame
        As `History.forecast` returned it; pools without a target are left out.
    """
    aimed = frame[frame["target_seconds"].notna()]
    for _key, part in aimed.groupby(["project", "pool"], sort=False):
        row = part.iloc[-1]
        yield (
            _doubted(row, _until(row))
            if row["confidence"] != NONE
            else _("{name}: {text}").format(name=named(row), text=translated(str(row["reason"])))
        )


def _until(row: pd.Series) -> str:
    pool = named(row)
    if pd.isna(row["pass_probability"]):
        return _("{pool}: until when today's capacity suffices is not known").format(pool=pool)
    if pd.isna(row["may_pass_from"]):
        text = _("{pool}: today's capacity suffices until {end} at least, which is as far as is foreseen")
        return text.format(pool=pool, end=f"{row['window_end']:%Y-%m-%d}")
    text = _("{pool}: from {date} on today's capacity may fall short (1 in 10)")
    said = text.format(pool=pool, date=f"{row['may_pass_from']:%Y-%m-%d}")
    if pd.notna(row["passes_from"]):
        text = _("{said}, from {date} on it is more likely to than not")
        said = text.format(said=said, date=f"{row['passes_from']:%Y-%m-%d}")
    if pd.notna(row["order_by"]):
        said = _("{said}; order by {date}").format(said=said, date=f"{row['order_by']:%Y-%m-%d}")
    return said


def nearest(part: pd.DataFrame) -> pd.Series:
    """Return the row of a pool's plan that is nearest to what it needs, today's where that is not known."""
    wanted = part["needed"].iloc[0]
    away = (part["capacity"] - wanted).abs() if pd.notna(wanted) else (part["factor"] - 1).abs()
    return part.iloc[int(away.fillna(float("inf")).to_numpy().argmin())]


def _today(part: pd.DataFrame) -> float:
    """Return a pool's capacity of today; NaN where nothing is known of it."""
    return float(part["capacity"].iloc[0] / part["factor"].iloc[0])


def _of_pool(row: pd.Series, today: float) -> str:
    pool = named(row)
    if row["confidence"] == NONE:
        return _("{name}: {text}").format(name=pool, text=translated(str(row["reason"])))
    needs = _needs(row)
    what = {
        "mean": _("jobs to start within {wait} on average"),
        "p90": _("9 in 10 jobs to start within {wait}"),
    }[str(row["quantile"])].format(wait=duration(row["target_seconds"]))
    if not needs:
        text = _("{pool}: no capacity that was looked at is known to be enough for {what}")
        return _doubted(row, text.format(pool=pool, what=what))
    has = _("{pool} needs {needs} for {what}; it has {today}").format(
        pool=pool, needs=needs, what=what, today=_there(row, today)
    )
    more = row["needed"] + row["spare_nodes"] - today
    cost = abs(more) * row["price_per_node_hour"] * MONTH_HOURS if row["unit"] == NODES else float("nan")
    if pd.notna(cost) and more:
        text = _("{has}; {cost} a month more") if more > 0 else _("{has}; {cost} a month less")
        has = text.format(has=has, cost=f"{cost:,.0f} {row['currency'] or ''}".strip())
    return _doubted(row, has)


def _there(row: pd.Series, today: float) -> str:
    """Say what a pool has: of one that hardly queues, and whose nodes are not known, at least what ever ran."""
    hardly = row["unit"] != NODES and pd.isna(row[f"{row['quantile']}_seconds"])
    return _("at least {number}").format(number=amount(today)) if hardly else amount(today)


def _doubted(row: pd.Series, said: str) -> str:
    """Add why a figure is not sure to the sentence that says it."""
    if row["confidence"] == GOOD:
        return said
    return _("{said} (not sure: {reason})").format(said=said, reason=translated(str(row["reason"])))


def _needs(row: pd.Series) -> str:
    unit = _("nodes") if row["unit"] == NODES else _("jobs at once")
    least, most = (amount(row[f"needed_{bound}"]) for bound in ("low", "high"))
    if pd.notna(row["needed"]):
        bounds = _("{low} to {high}") if pd.notna(row["needed_high"]) else _("{low} or more")
        text = _("{number} {unit} ({bounds})")
        said = text.format(number=amount(row["needed"]), unit=unit, bounds=bounds.format(low=least, high=most))
    elif pd.notna(row["needed_high"]):
        said = _("at most {number}").format(number=f"{most} {unit}")
    else:
        return ""
    spare = int(row["spare_nodes"])
    return said if not spare else _("{said} and {spare} to spare").format(said=said, spare=spare)


def _across(rows: Sequence[tuple[pd.Series, float]]) -> Iterator[str]:
    """Say by flavor which pools could give nodes and still reach their targets, which lack them, and what to buy."""
    flavors: dict[str, list[tuple[pd.Series, float]]] = {}
    for row, there in rows:
        if row["unit"] == NODES and row["flavor"]:
            flavors.setdefault(row["flavor"], []).append((row, there))
    for flavor, pools in sorted(flavors.items()):
        if len(pools) < 2:
            continue
        gives, lacks = dict[str, int](), dict[str, int]()
        for row, there in pools:
            # Who gives is to be sure of its own target.
            spare = there - row["needed_high"] - row["spare_nodes"]
            lacking = row["needed"] + row["spare_nodes"] - there
            if row["confidence"] == GOOD and spare > 0:
                gives[named(row)] = int(spare)
            elif lacking > 0:
                lacks[named(row)] = int(lacking)
        yield _balance(flavor, gives, lacks)


def _balance(flavor: str, gives: dict[str, int], lacks: dict[str, int]) -> str:
    whose = _("{pool} {nodes}")

    def listed(nodes: dict[str, int]) -> str:
        return ", ".join(whose.format(pool=pool, nodes=number) for pool, number in nodes.items())

    buy = sum(lacks.values()) - sum(gives.values())
    if not lacks:
        text = _("Nodes of {flavor}: no pool is known to lack any; to spare: {gives}")
        return text.format(flavor=flavor, gives=listed(gives) or _("none"))
    text = _("Nodes of {flavor}: lacking: {lacks}; to spare: {gives}; {net}")
    net = plural("{n} node to buy", "{n} nodes to buy", buy).format(n=buy) if buy > 0 else _("nothing to buy")
    return text.format(flavor=flavor, lacks=listed(lacks), gives=listed(gives) or _("none"), net=net)
