"""Cells of capacity tables that need several columns of a row; `cells` has all others."""

import math

import pandas as pd

from analysis.estimate import SECONDS
from analysis.notes import WEAK
from analysis.text.language import _
from analysis.text.units import (
    UNKNOWN,
    amount,
    between,
    bracketed,
    duration,
    figures_of,
    number,
    percent,
    with_bounds,
)


def at_once(row: pd.Series) -> str:
    """Return the text of the servers with their interval; of their lower bound where only that is known."""
    point, low, _high = figures_of(row, "servers")
    return f"≥{low:,.1f}" if math.isnan(point) and not math.isnan(low) else between(row, "servers")


def nodes_used(row: pd.Series) -> str:
    """Return the text of the nodes in use and the existing nodes: 6.2/8; ≤6.2/8 where only an upper bound is known."""
    used, most = row["offered_nodes"], row["offered_nodes_high"]
    if pd.isna(most):
        return UNKNOWN
    return f"{f'≤{most:.1f}' if pd.isna(used) else f'{used:.1f}'}/{row['nodes']:.0f}"


def idle(row: pd.Series) -> str:
    """Return the text of the idle shares of all time, nights and weekends: 23/45/60%; lower bounds after ≥."""
    known = "" if pd.notna(row["idle"]) else "_low"
    if pd.isna(row[f"idle{known}"]):
        return UNKNOWN
    names = ("idle", "idle_night", "idle_weekend")
    shares = "/".join(percent(row[f"{name}{known}"]).removesuffix("%") for name in names)
    return f"≥{shares}%" if known else f"{shares}%"


def in_use(row: pd.Series) -> str:
    """Return the text of the share of the capacity that runs jobs on average; ≤ 80% where only a bound is known."""
    share, most = row["utilisation"], row["utilisation_high"]
    return percent(share) if pd.notna(share) or pd.isna(most) else f"≤{percent(most)}"


def run_time(row: pd.Series) -> str:
    """Return the text of the mean run time; the table has no room for its interval."""
    return duration(row["run_seconds"], row["interval_seconds"])


def capacity(row: pd.Series) -> str:
    """Return the text of a capacity with its unit; a star marks a load above every observed load."""
    if pd.isna(row["capacity"]):
        return UNKNOWN
    return f"{amount(row['capacity'])} {_(row['unit'])}" + ("*" if row["extrapolated"] > 0 else "")


def wait(row: pd.Series, name: str) -> str:
    """Return the text of a wait with its bounds; "at most" or "at least" where only one bound is known.

    Parameters
    ----------
    name
        The column of the wait without its unit, such as ``mean``.
    """
    point, low, high = figures_of(row, f"{name}{SECONDS}")
    if not math.isnan(point):
        return with_bounds(row, name)
    if not math.isnan(high):
        return _("at most {number}").format(number=duration(high))
    return _("at least {number}").format(number=duration(low)) if low >= row["interval_seconds"] else UNKNOWN


def mean_wait(row: pd.Series) -> str | None:
    """Return the text of a plan's mean wait; None where the target is about the P90 wait."""
    return None if _has_target(row) and row["quantile"] != "mean" else wait(row, "mean")


def p90_wait(row: pd.Series) -> str | None:
    """Return the text of a plan's P90 wait; None where the target is about the mean wait."""
    return None if _has_target(row) and row["quantile"] != "p90" else wait(row, "p90")


def _has_target(row: pd.Series) -> bool:
    return bool(pd.notna(row["target_seconds"]))


def verdict(row: pd.Series) -> str | None:
    """Return the verdict on a plan's target; None where the plan has no target."""
    return _(str(row["verdict"])) if _has_target(row) else None


def cost(row: pd.Series) -> str | None:
    """Return the text of the cost of a capacity per month of 730 hours; None where no price is known."""
    return None if pd.isna(row["cost_a_month"]) else number(row["cost_a_month"])


def nodes_changed(row: pd.Series) -> str:
    """Return the text of the number of nodes before and after a change: 8 to 10."""
    if pd.isna(row["capacity"]):
        return UNKNOWN
    return _("{before} to {after}").format(before=number(row["nodes_before"]), after=number(row["capacity"]))


def demand(row: pd.Series) -> str:
    """Return the text of the arrivals after a change, as a multiple of those before."""
    return UNKNOWN if pd.isna(row["demand"]) else f"{row['demand']:.2f}"


def passes(row: pd.Series) -> str | None:
    """Return the text of the probability that the capacity misses the target; None where there is no target."""
    return percent(row["pass_probability"]) if _has_target(row) else None


def needed(row: pd.Series) -> str:
    """Return the text of the capacity that a target needs, with its bounds; a question mark for weak confidence."""
    point, low, high = figures_of(row, "needed")
    if not math.isnan(point):
        least = amount(low)
        bounds = _("{least} or more").format(least=least) if math.isnan(high) else f"{least}-{amount(high)}"
        return bracketed(amount(point), bounds) + (" ?" if row["needed_confidence"] == WEAK else "")
    if not math.isnan(high):
        return _("at most {number}").format(number=amount(high))
    return _("at least {number}").format(number=amount(low)) if low > 0 else UNKNOWN
