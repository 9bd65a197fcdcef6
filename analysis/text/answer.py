"""The answers of plans and forecasts in sentences: what pools need for their targets, and until when they have it."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.capacity.plan import MONTH_HOURS, UPPER_BOUND
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
    rows = [part.iloc[0] for _key, part in aimed.groupby(["project", "pool"], sort=False)]
    names = _names(rows)
    for row, name in zip(rows, names, strict=True):
        yield _of_pool(row, name)
    yield from _across(rows, names)


def _names(rows: Sequence[pd.Series]) -> list[str]:
    """Return what pools are called, with their projects where one name is that of several."""
    names = [named(row) for row in rows]
    return [
        f"{row['project']}/{name}" if names.count(name) > 1 else name for row, name in zip(rows, names, strict=True)
    ]


def _of_pool(row: pd.Series, pool: str) -> str:
    if row["needed_confidence"] == NONE:
        return _("{name}: {text}").format(name=pool, text=translated(str(row["needed_reason"])))
    needs = _needs(row)
    what = {
        "mean": _("jobs to start within {wait} on average"),
        "p90": _("9 in 10 jobs to start within {wait}"),
    }[str(row["quantile"])].format(wait=duration(row["target_seconds"]))
    if row["demand"] != 1.0:
        what = _("{what}, with {times} times the jobs").format(what=what, times=f"{row['demand']:g}")
    if not needs:
        text = _("{pool}: no capacity that was looked at is known to be enough for {what}")
        return _doubted(row, text.format(pool=pool, what=what))
    has = _("{pool} needs {needs} for {what}; it has {today}").format(
        pool=pool, needs=needs, what=what, today=_there(row)
    )
    price = row["price_per_node_hour"] * MONTH_HOURS
    more, surplus = _lacking(row, "needed"), -_lacking(row, "needed_high")
    # Only what is not needed by the interval's upper end is saved.
    if pd.notna(price) and more > 0:
        has = _("{has}; {cost} a month more").format(has=has, cost=_money(more * price, row))
    elif pd.notna(price) and surplus > 0:
        has = _("{has}; {cost} a month less").format(has=has, cost=_money(surplus * price, row))
    return _doubted(row, has)


def _money(amount_: float, row: pd.Series) -> str:
    return f"{amount_:,.0f} {row['currency'] or ''}".strip()


def _lacking(row: pd.Series, name: str) -> float:
    """Return how much a pool lacks, with what it is to have to spare; NaN where that is not known."""
    spare = row["spare_nodes"] if row["unit"] == NODES else 0.0
    return float(row[name] + spare - row["today"])


def _there(row: pd.Series) -> str:
    """Say what a pool has: of one that hardly queues, and whose nodes are not known, at least what ever ran."""
    hardly = row["unit"] != NODES and row["method"] == UPPER_BOUND
    return _("at least {number}").format(number=amount(row["today"])) if hardly else amount(row["today"])


def _doubted(row: pd.Series, sentence: str, name: str = "needed_") -> str:
    """Add why a figure is not sure to the sentence that says it."""
    if row[f"{name}confidence"] == GOOD:
        return sentence
    return _("{sentence} (not sure: {reason})").format(sentence=sentence, reason=translated(str(row[f"{name}reason"])))


def _needs(row: pd.Series) -> str:
    def of(name: str) -> str:
        number = row[name]
        if row["unit"] == NODES:
            return plural("{n} node", "{n} nodes", number).format(n=amount(number))
        return _("{n} jobs at once").format(n=amount(number))

    least, most = (amount(row[f"needed_{bound}"]) for bound in ("low", "high"))
    if pd.notna(row["needed"]):
        bounds = _("{low} to {high}") if pd.notna(row["needed_high"]) else _("{low} or more")
        needs = _("{number} ({bounds})").format(number=of("needed"), bounds=bounds.format(low=least, high=most))
    elif pd.notna(row["needed_high"]):
        needs = _("at most {number}").format(number=of("needed_high"))
    elif pd.notna(row["needed_low"]) and row["needed_low"] > row["today"]:
        needs = _("at least {number}").format(number=of("needed_low"))
    else:
        return ""
    spare = int(row["spare_nodes"]) if row["unit"] == NODES else 0
    return needs if not spare else _("{needs} and {spare} to spare").format(needs=needs, spare=spare)


def _across(rows: Sequence[pd.Series], names: Sequence[str]) -> Iterator[str]:
    """Say which pools of a project lack nodes of a flavor, which have some to spare, and what to buy."""
    flavors: dict[tuple[str, str], list[tuple[pd.Series, str]]] = {}
    for row, name in zip(rows, names, strict=True):
        if row["unit"] == NODES and row["flavor"]:
            flavors.setdefault((row["project"], row["flavor"]), []).append((row, name))
    for (_project, flavor), pools in sorted(flavors.items(), key=lambda each: each[0]):
        if len(pools) > 1:
            yield _balance(flavor, pools)


def _balance(flavor: str, pools: Sequence[tuple[pd.Series, str]]) -> str:
    gives, lacks, open_ = list[tuple[str, int]](), list[tuple[str, int]](), list[str]()
    for row, name in pools:
        # Who gives is to be sure of its own target.
        surplus, lacking, least = (
            -_lacking(row, "needed_high"), _lacking(row, "needed"), _lacking(row, "needed_low"),
        )  # fmt: skip
        if row["needed_confidence"] == GOOD and surplus > 0:
            gives.append((name, int(surplus)))
        elif lacking > 0:
            lacks.append((name, int(lacking)))
        elif math.isnan(lacking) and not surplus >= 0:
            open_.append(name if not least > 0 else f"{name} (≥{int(least)})")
    buy = sum(number for _name, number in lacks) - sum(number for _name, number in gives)
    net = plural("{n} node to buy", "{n} nodes to buy", buy).format(n=buy) if buy > 0 else _("nothing to buy")
    if open_:
        net = _("{net} besides what is not known: {pools}").format(net=net, pools=", ".join(open_))
    text = _("Nodes of {flavor}: lacking: {lacks}; to spare: {gives}; {net}")
    return text.format(flavor=flavor, lacks=_listed(lacks), gives=_listed(gives), net=net)


def _listed(nodes: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in nodes) or _("none")


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
            _doubted(row, _until(row, part["window_start"].iloc[0]), "")
            if row["confidence"] != NONE
            else _("{name}: {text}").format(name=named(row), text=translated(str(row["reason"])))
        )


def _until(row: pd.Series, now: pd.Timestamp) -> str:
    pool = named(row)
    if pd.isna(row["pass_probability"]) and row["growth_low"] > 0:
        text = _("{pool}: today's capacity suffices for at least {times} times the jobs of the last weeks")
        return text.format(pool=pool, times=f"{row['growth_low']:.1f}")
    if pd.isna(row["pass_probability"]):
        return _("{pool}: until when today's capacity suffices is not known").format(pool=pool)
    if pd.isna(row["may_pass_from"]):
        end = f"{row['window_end']:%Y-%m-%d}"
        if row["window_end"] < now + pd.Timedelta(seconds=float(np.nan_to_num(row["lead_seconds"]))):
            text = _("{pool}: today's capacity suffices until {end}, as far as is foreseen; an order takes longer")
            return text.format(pool=pool, end=end)
        return _("{pool}: today's capacity suffices until {end}, as far as is foreseen").format(pool=pool, end=end)
    likely = row["passes_from"] == row["may_pass_from"]
    text = (
        _("{pool}: from {date} on today's capacity is more likely to fall short than not")
        if likely
        else _("{pool}: from {date} on today's capacity may fall short (1 in 10)")
    )
    sentence = text.format(pool=pool, date=f"{row['may_pass_from']:%Y-%m-%d}")
    if pd.notna(row["passes_from"]) and row["passes_from"] > row["may_pass_from"]:
        text = _("{sentence}, from {date} on it is more likely to than not")
        sentence = text.format(sentence=sentence, date=f"{row['passes_from']:%Y-%m-%d}")
    if pd.notna(row["order_by"]):
        late = row["order_by"] < now
        text = (
            _("{sentence}; an order now comes too late: it was due by {date}")
            if late
            else _("{sentence}; order by {date}")
        )
        sentence = text.format(sentence=sentence, date=f"{row['order_by']:%Y-%m-%d}")
    return sentence
