"""Plans as sentences: the capacity that pools need for their targets, its cost, and the nodes to buy."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from analysis.notes import GOOD, NONE
from analysis.text.language import _, listed, plural, rendered, together
from analysis.text.units import amount, bracketed, duration, figures_of, named

NODES: Final = "nodes"


def answers(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on the capacity that each pool needs, on the nodes of each flavor, and on how sure that is.

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
    if any(row["needed_confidence"] == GOOD and row["needed_high"] > row["needed"] for row in rows):
        yield _(
            "With the first number the target is about as likely to be missed as to be met; with the number at the "
            "upper end of the interval it is missed in about 1 of 20 cases"
        )


def _names(rows: Sequence[pd.Series]) -> list[str]:
    """Return the names of the pools; where several pools have the same name, with their projects."""
    names = [named(row) for row in rows]
    return [
        f"{row['project']}/{name}" if names.count(name) > 1 else name for row, name in zip(rows, names, strict=True)
    ]


def _of_pool(row: pd.Series, pool: str) -> str:
    if row["needed_confidence"] == NONE:
        return _("{name}: {text}").format(name=pool, text=rendered(row["needed_reason"]))
    return doubted(row, together([need(row, pool), change(row)]))


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
    probable = pd.notna(row["needed"]) and row["needed_high"] != row["needed"]
    text = (
        _("{pool} probably needs {needs} for {target}; it has {today}")
        if probable
        else _("{pool} needs {needs} for {target}; it has {today}")
    )
    return text.format(pool=pool, needs=needs, target=target, today=_current(row))


def change(row: pd.Series) -> str:
    """Return the cost of the needed capacity a month, and the upper end of its interval with its cost; or the savings.

    Empty where there is nothing to add, or where the upper end saves nothing.
    """
    more, most = lacking(row, "needed"), lacking(row, "needed_high")
    parts = [_cost(more, row)] if more > 0 else []
    if row["needed_confidence"] == GOOD and most > max(more, 0):
        capacity = _with_spare(_capacity(row["needed_high"], row), row)
        enough = _("at the upper end of the interval {capacity}").format(capacity=capacity)
        cost = _cost(most, row)
        parts.append(_("{name}: {text}").format(name=enough, text=cost) if cost else enough)
    # Only capacity above the upper end of the needed capacity is saved.
    elif row["needed_confidence"] == GOOD and most < 0:
        parts.append(_cost(most, row))
    return together(filter(None, parts))


def _cost(capacity: float, row: pd.Series) -> str:
    """Return what more or less capacity costs or saves a month; empty without a price."""
    price = row["cost_a_month"] / row["capacity"]
    if pd.isna(price):
        return ""
    text = _("{cost} a month more") if capacity > 0 else _("{cost} a month less")
    return text.format(cost=_money(abs(capacity) * price, row))


def _money(price: float, row: pd.Series) -> str:
    """Return a text of money with three digits: capacity has an interval, and further digits would be noise."""
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


def doubted(row: pd.Series, sentence: str, name: str = "needed_") -> str:
    """Return a sentence with the reason for weak confidence in its estimate; unchanged where confidence is good."""
    if row[f"{name}confidence"] == GOOD:
        return sentence
    return _("{sentence} (weak confidence: {reason})").format(sentence=sentence, reason=rendered(row[f"{name}reason"]))


def _needs(row: pd.Series) -> str:
    """Return the text of the needed capacity with its bounds; empty where only a lower bound up to today's is known."""
    point, low, high = figures_of(row, "needed")
    if not math.isnan(point):
        bounds = _("{low} or more") if math.isnan(high) else _("{low} to {high}")
        needs = bracketed(_capacity(point, row), bounds.format(low=amount(low), high=amount(high)))
    elif not math.isnan(high):
        needs = _("at most {number}").format(number=_capacity(high, row))
    elif low > row["today"]:
        needs = _("at least {number}").format(number=_capacity(low, row))
    else:
        return ""
    return _with_spare(needs, row)


def _capacity(number: float, row: pd.Series) -> str:
    if row["unit"] == NODES:
        return plural("{n} node", "{n} nodes", number).format(n=amount(number))
    return _("{n} concurrent jobs").format(n=amount(number))


def _with_spare(capacity: str, row: pd.Series) -> str:
    spare = int(row["spare_nodes"]) if row["unit"] == NODES else 0
    return capacity if not spare else _("{needs} and {spare} to spare").format(needs=capacity, spare=spare)


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
    gives, unsure, lacks = list[tuple[str, int]](), list[tuple[str, int]](), list[tuple[str, int]]()
    unknown = list[str]()
    for row, name in pools:
        # Only a pool with good confidence in its own need gives nodes to others.
        surplus, missing, least = (
            -lacking(row, "needed_high"), lacking(row, "needed"), lacking(row, "needed_low"),
        )  # fmt: skip
        if surplus > 0:
            (gives if row["needed_confidence"] == GOOD else unsure).append((name, int(surplus)))
        elif missing > 0:
            lacks.append((name, int(missing)))
        elif math.isnan(missing) and not surplus >= 0:
            unknown.append(name if not least > 0 else f"{name} (≥{int(least)})")
    buy = sum(number for _name, number in lacks) - sum(number for _name, number in gives)
    rows = [row for row, _name in pools]
    net = plural("{n} node to buy", "{n} nodes to buy", buy).format(n=buy) if buy > 0 else _("nothing to buy")
    net = _with_cost(net, buy, rows)
    # NaN where any upper end is not known.
    most = sum(max(lacking(row, "needed_high"), 0.0) for row in rows) - sum(number for _name, number in gives)
    if most > max(buy, 0):
        enough = _("at the upper ends of the intervals {capacity}").format(capacity=_capacity(most, rows[0]))
        net = together([net, _with_cost(enough, most, rows)])
    if unknown:
        net = _("{net}, without pools whose need is not known: {pools}").format(net=net, pools=listed(unknown))
    spare = _listed(gives) or (_("none for sure") if unsure else _("none"))
    if unsure:
        spare = bracketed(spare, _("perhaps {pools}").format(pools=_listed(unsure)))
    text = _("Nodes of {flavor}: lacking: {lacks}; to spare: {gives}; {net}")
    return text.format(flavor=flavor, lacks=_listed(lacks) or _("none"), gives=spare, net=net)


def _with_cost(text: str, nodes: float, rows: Sequence[pd.Series]) -> str:
    """Return a text with what nodes of one flavor cost a month; unchanged where the pools have no price, or several."""
    prices = {(row["price_per_node_hour"], row["currency"]) for row in rows}
    cost = _cost(nodes, rows[0]) if nodes > 0 and len(prices) == 1 else ""
    return _("{name}: {text}").format(name=text, text=cost) if cost else text


def _listed(nodes: Sequence[tuple[str, int]]) -> str:
    return listed(f"{name} {number}" for name, number in nodes)
