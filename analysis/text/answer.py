"""Plans and forecasts as sentences: the capacity that pools need for their targets, and until when today's suffices."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.notes import GOOD, NONE
from analysis.text.language import _, listed, plural, rendered, together
from analysis.text.units import amount, bracketed, duration, figures_of, named

NODES: Final = "nodes"


def answers(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on the capacity that each pool needs, then one on the nodes of each flavor.

    Parameters
    ----------
    frame
        The result of `History.plan`; pools without a target are left out.
    """
    aimed = frame[frame["target_seconds"].notna()]
    rows = [part.iloc[0] for _key, part in aimed.groupby(["project", "pool"], sort=False)]
    names = _names(rows)
    for row, name in zip(rows, names, strict=True):
        yield _of_pool(row, name)
    yield from _across(rows, names)


def _names(rows: Sequence[pd.Series]) -> list[str]:
    """Return the names of the pools; where several pools have the same name, with their projects."""
    names = [named(row) for row in rows]
    return [
        f"{row['project']}/{name}" if names.count(name) > 1 else name for row, name in zip(rows, names, strict=True)
    ]


def _of_pool(row: pd.Series, pool: str) -> str:
    if row["needed_confidence"] == NONE:
        return _("{name}: {text}").format(name=pool, text=rendered(row["needed_reason"]))
    return _doubted(row, together([need(row, pool), cost_change(row)]))


def need(row: pd.Series, pool: str) -> str:
    """Return a sentence on the capacity that a pool needs for its target, without its cost and its confidence.

    Parameters
    ----------
    row
        A row of `History.plan` with a target, and with a confidence other than none.
    pool
        The name of the pool.
    """
    needs = _needs(row)
    target = {
        "mean": _("jobs to start within {wait} on average"),
        "p90": _("9 in 10 jobs to start within {wait}"),
    }[str(row["quantile"])].format(wait=duration(row["target_seconds"]))
    if row["demand"] != 1.0:
        target = _("{target}, with {times} times the jobs").format(target=target, times=f"{row['demand']:g}")
    if not needs:
        text = _("{pool}: none of the capacities tried is known to suffice for {target}")
        return text.format(pool=pool, target=target)
    text = _("{pool} needs {needs} for {target}; it has {today}")
    return text.format(pool=pool, needs=needs, target=target, today=_current(row))


def cost_change(row: pd.Series) -> str:
    """Return how much more or less the needed capacity costs a month; empty where that is unknown, or nothing.

    The needed capacity has an interval: digits of its cost after the third would be noise.
    """
    price = row["cost_a_month"] / row["capacity"]
    more, surplus = lacking(row, "needed"), -lacking(row, "needed_high")
    if pd.notna(price) and more > 0:
        return _("{cost} a month more").format(cost=_money(more * price, row))
    # Savings are certain only for capacity above the upper end of the needed capacity.
    if pd.notna(price) and surplus > 0:
        return _("{cost} a month less").format(cost=_money(surplus * price, row))
    return ""


def _money(price: float, row: pd.Series) -> str:
    return f"{float(f'{price:.3g}'):,.0f} {row['currency'] or ''}".strip()


def lacking(row: pd.Series, name: str) -> float:
    """Return the needed capacity with its spare nodes, less today's, in the unit of the row; NaN where it is unknown.

    Parameters
    ----------
    name
        The column of the needed capacity, or of its lower or upper bound.
    """
    spare = row["spare_nodes"] if row["unit"] == NODES else 0.0
    return float(row[name] + spare - row["today"])


def _current(row: pd.Series) -> str:
    """Return the text of today's capacity: "at least" where nodes are unknown and waits have upper bounds only."""
    at_least = row["unit"] != NODES and pd.isna(row["mean_seconds"])
    return _("at least {number}").format(number=amount(row["today"])) if at_least else amount(row["today"])


def _doubted(row: pd.Series, sentence: str, name: str = "needed_") -> str:
    """Return a sentence with the reason for weak confidence in its estimate; unchanged where confidence is good."""
    if row[f"{name}confidence"] == GOOD:
        return sentence
    return _("{sentence} (weak confidence: {reason})").format(sentence=sentence, reason=rendered(row[f"{name}reason"]))


def _needs(row: pd.Series) -> str:
    """Return the text of the needed capacity with its bounds; empty where only a lower bound up to today's is known."""

    def capacity(number: float) -> str:
        if row["unit"] == NODES:
            return plural("{n} node", "{n} nodes", number).format(n=amount(number))
        return _("{n} concurrent jobs").format(n=amount(number))

    point, low, high = figures_of(row, "needed")
    if not math.isnan(point):
        bounds = _("{low} or more") if math.isnan(high) else _("{low} to {high}")
        needs = bracketed(capacity(point), bounds.format(low=amount(low), high=amount(high)))
    elif not math.isnan(high):
        needs = _("at most {number}").format(number=capacity(high))
    elif low > row["today"]:
        needs = _("at least {number}").format(number=capacity(low))
    else:
        return ""
    spare = int(row["spare_nodes"]) if row["unit"] == NODES else 0
    return needs if not spare else _("{needs} and {spare} to spare").format(needs=needs, spare=spare)


def _across(rows: Sequence[pd.Series], names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on each flavor of nodes that several pools of a project have: lacking, to spare, to buy."""
    flavors: dict[tuple[str, str], list[tuple[pd.Series, str]]] = {}
    for row, name in zip(rows, names, strict=True):
        if row["unit"] == NODES and row["flavor"]:
            flavors.setdefault((row["project"], row["flavor"]), []).append((row, name))
    for (_project, flavor), pools in sorted(flavors.items(), key=lambda item: item[0]):
        if len(pools) > 1:
            yield _balance(flavor, pools)


def _balance(flavor: str, pools: Sequence[tuple[pd.Series, str]]) -> str:
    gives, lacks, unknown = list[tuple[str, int]](), list[tuple[str, int]](), list[str]()
    for row, name in pools:
        # Only a pool with good confidence in its own need gives nodes to others.
        surplus, missing, least = (
            -lacking(row, "needed_high"), lacking(row, "needed"), lacking(row, "needed_low"),
        )  # fmt: skip
        if row["needed_confidence"] == GOOD and surplus > 0:
            gives.append((name, int(surplus)))
        elif missing > 0:
            lacks.append((name, int(missing)))
        elif math.isnan(missing) and not surplus >= 0:
            unknown.append(name if not least > 0 else f"{name} (≥{int(least)})")
    buy = sum(number for _name, number in lacks) - sum(number for _name, number in gives)
    net = plural("{n} node to buy", "{n} nodes to buy", buy).format(n=buy) if buy > 0 else _("nothing to buy")
    if unknown:
        net = _("{net}, without pools whose need is not known: {pools}").format(net=net, pools=listed(unknown))
    text = _("Nodes of {flavor}: lacking: {lacks}; to spare: {gives}; {net}")
    return text.format(flavor=flavor, lacks=_listed(lacks), gives=_listed(gives), net=net)


def _listed(nodes: Sequence[tuple[str, int]]) -> str:
    return listed(f"{name} {number}" for name, number in nodes) or _("none")


def foreseen(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on each pool: until when today's capacity suffices for its target, and when to order more.

    Pools without a forecast come last, those with the same reason in one sentence.

    Parameters
    ----------
    frame
        The result of `History.forecast`; pools without a target are left out.
    """
    aimed = frame[frame["target_seconds"].notna()]
    refused: dict[str, list[str]] = {}
    for _key, part in aimed.groupby(["project", "pool"], sort=False):
        row = part.iloc[-1]
        if row["confidence"] == NONE:
            refused.setdefault(rendered(row["reason"]), []).append(named(row))
        else:
            yield _doubted(row, until(row, part["window_start"].iloc[0]), "")
    for reason, names in refused.items():
        yield _("{name}: {text}").format(name=listed(names), text=reason)


def until(row: pd.Series, now: pd.Timestamp) -> str:
    """Return a sentence on how long today's capacity suffices for a pool's target, and when to order more.

    Parameters
    ----------
    row
        The last row of a pool in `History.forecast`, with a confidence other than none.
    now
        The start of the forecast.
    """
    pool = named(row)
    if pd.isna(row["pass_probability"]) and row["growth_low"] > 0:
        text = _("{pool}: today's capacity suffices for at least {times} times the jobs of the last weeks")
        return text.format(pool=pool, times=f"{row['growth_low']:.1f}")
    if pd.isna(row["pass_probability"]):
        return _("{pool}: it is not known how long today's capacity suffices").format(pool=pool)
    if pd.isna(row["may_pass_from"]):
        end = f"{row['window_end']:%Y-%m-%d}"
        text = _("{pool}: today's capacity suffices at least until {end}, the end of the forecast")
        sentence = text.format(pool=pool, end=end)
        if row["window_end"] < now + pd.Timedelta(seconds=float(np.nan_to_num(row["lead_seconds"]))):
            return _("{sentence}; nodes ordered now would arrive after that date").format(sentence=sentence)
        return sentence
    likely = row["passes_from"] == row["may_pass_from"]
    text = (
        _("{pool}: from {date} on today's capacity is more likely to fall short than not")
        if likely
        else _("{pool}: from {date} on today's capacity may fall short (with a probability of 10% or more)")
    )
    sentence = text.format(pool=pool, date=f"{row['may_pass_from']:%Y-%m-%d}")
    if pd.notna(row["passes_from"]) and row["passes_from"] > row["may_pass_from"]:
        text = _("{sentence}; from {date} on it is more likely to fall short than not")
        sentence = text.format(sentence=sentence, date=f"{row['passes_from']:%Y-%m-%d}")
    if pd.notna(row["order_by"]):
        late = row["order_by"] < now
        text = _("{sentence}; the last date to order in time was {date}") if late else _("{sentence}; order by {date}")
        sentence = text.format(sentence=sentence, date=f"{row['order_by']:%Y-%m-%d}")
    return sentence
