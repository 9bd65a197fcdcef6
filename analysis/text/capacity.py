"""What a table of a terminal shows of how full pools are, of plans and of forecasts."""

import pandas as pd

from analysis.notes import amount
from analysis.text.language import _
from analysis.text.units import duration, number, percent, said, with_bounds


def between(row: pd.Series, name: str) -> str:
    """Say a number with its interval: 12.4 (10.1-14.8)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    if pd.isna(point):
        return "-"
    said, least, most = map(rounded, (point, low, high))
    # An interval without width says nothing.
    return said if pd.isna(low) or least == most else f"{said} ({least}-{most})"


def rounded(value: float) -> str:
    """Say a number to a tenth, or where it is large without.

    >>> [rounded(value) for value in (1.96, 1033.2, float("nan"))]
    ['2.0', '1,033', '-']
    """
    return "-" if pd.isna(value) else f"{value:,.{0 if value >= 100 else 1}f}"


def load(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.load`, by heading."""
    return {
        "offered": between(row, "offered"),
        "at once": at_once(row),
        "nodes": nodes_used(row),
        "queue h": number(row["queued_hours"]),
        "unmet h": number(row["unmet_job_hours"]),
        "idle n/w": idle(row),
        "runs": duration(row["run_seconds"], row["interval_seconds"]),
        "sure": said(row["confidence"]),
    }


def at_once(row: pd.Series) -> str:
    """Say how many jobs a pool runs at once, or at least."""
    if pd.isna(row["servers"]) and pd.notna(row["servers_low"]):
        return f"≥{row['servers_low']:,.1f}"
    return between(row, "servers")


def nodes_used(row: pd.Series) -> str:
    """Say how many nodes the load takes, or at most, of how many there are."""
    used, most = (row[f"offered_nodes{bound}"] for bound in ("", "_high"))
    if pd.isna(most):
        return "-"
    return f"{f'≤{most:.1f}' if pd.isna(used) else f'{used:.1f}'}/{row['nodes']:.0f}"


def idle(row: pd.Series) -> str:
    """Say what share of a pool is idle, of all time, nights and weekends, or at least."""
    names = ("idle", "idle_night", "idle_weekend")
    known = "" if pd.notna(row["idle"]) else "_low"
    shares = "/".join(percent(row[f"{name}{known}"]).removesuffix("%") for name in names) + "%"
    return shares if not known or pd.isna(row["idle_low"]) else f"≥{shares}"


def in_use(row: pd.Series) -> str:
    """Say what share of a capacity runs on average, or at most."""
    share, most = row["utilisation"], row["utilisation_high"]
    return percent(share) if pd.notna(share) or pd.isna(most) else f"≤{percent(most)}"


def plan(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.plan`, by heading."""
    headings = {"mean": "mean wait", "p90": "9 of 10 within"}
    # With a target the wait that it is about.
    shown = list(headings) if pd.isna(row["target_seconds"]) else [row["quantile"]]
    capacity = "-" if pd.isna(row["capacity"]) else f"{amount(row['capacity'])} {row['unit']}"
    cells = {"capacity": capacity + ("*" if row["extrapolated"] > 0 else "")}
    cells |= {headings[name]: wait(row, name) for name in shown}
    cells["in use"] = in_use(row)
    if pd.notna(row["cost_a_month"]):
        cells["a month"] = f"{row['cost_a_month']:,.0f}"
    if pd.notna(row["target_seconds"]):
        cells["target"] = str(row["verdict"])
    return cells | {"sure": said(row["confidence"])}


def check(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.check`, by heading."""
    changed = "-" if pd.isna(row["changed_at"]) else f"{row['changed_at']:%Y-%m-%d %H:%M}"
    seen = row.rename({f"seen_mean{bound}_seconds": f"was{bound}_seconds" for bound in ("", "_low", "_high")})
    return {
        "changed": changed,
        "nodes": "-" if pd.isna(row["capacity"]) else f"{row['nodes_before']:.0f} to {row['capacity']:.0f}",
        "demand": "-" if pd.isna(row["demand"]) else f"{row['demand']:.2f}",
        "plan: mean wait": wait(row, "mean"),
        "happened": wait(seen, "was"),
        "sure": said(row["confidence"]),
    }


def wait(row: pd.Series, name: str) -> str:
    """Say a wait with its interval, or what it is at most or at least where that is all there is."""
    point, low, high = (row[f"{name}{bound}_seconds"] for bound in ("", "_low", "_high"))
    if pd.notna(point):
        return with_bounds(row, name)
    if pd.notna(high):
        return _("at most {number}").format(number=duration(high))
    return _("at least {number}").format(number=duration(low)) if low >= row["interval_seconds"] else "-"


def forecast(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.forecast`, by heading."""
    cells = {
        "jobs": between(row, "arrivals"),
        "at once": between(row, "load"),
        "error": rounded(row["error"]),
        "last week's": rounded(row["error_naive"]),
        "held": percent(row["covered"]),
        "by": said(row["method"]),
        "sure": said(row["confidence"]),
    }
    return cells if pd.isna(row["target_seconds"]) else cells | {"passes": percent(row["pass_probability"])}
