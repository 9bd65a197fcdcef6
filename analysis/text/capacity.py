"""What a table of a terminal shows of how full pools are, of plans and of forecasts."""

import numpy as np
import pandas as pd

from analysis.notes import amount
from analysis.queue.verdict import compare
from analysis.text.units import duration, number, percent, said, with_bounds


def between(row: pd.Series, name: str) -> str:
    """Say a number with its interval: 12.4 (10.1-14.8)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    if pd.isna(point):
        return "-"
    digits = 0 if point >= 100 else 1
    return f"{point:,.{digits}f}" + ("" if pd.isna(low) else f" ({low:,.{digits}f}-{high:,.{digits}f})")


def load(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.load`, by heading."""
    nodes = "-" if pd.isna(row["offered_nodes"]) else f"{row['offered_nodes']:.1f}/{row['nodes']:.0f}"
    idle = [row[f"idle{when}"] for when in ("", "_night", "_weekend")]
    return {
        "offered": between(row, "offered"),
        "at once": "-" if pd.isna(row["servers"]) else f"{row['servers']:,.1f}",
        "nodes": nodes,
        "full h": number(row["saturated_hours"]),
        "unmet h": number(row["unmet_job_hours"]),
        "idle/nt/wknd": "/".join(percent(share).removesuffix("%") for share in idle) + "%",
        "runs for": duration(row["run_seconds"], row["interval_seconds"]),
    }


def judged(row: pd.Series, name: str) -> str:
    """Return the verdict on the target of a plan's wait; nothing where it has none."""
    if pd.isna(row["target_seconds"]):
        return ""
    point, low, high = (np.array([row[f"{name}{bound}_seconds"]], float) for bound in ("", "_low", "_high"))
    return str(compare(point, low, high, row["target_seconds"])[0])


def plan(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.plan`, by heading."""
    headings = {"mean": "mean wait", "p90": "9 of 10 within"}
    # With a target the wait that it is about.
    shown = list(headings) if pd.isna(row["target_seconds"]) else [row["quantile"]]
    capacity = "-" if pd.isna(row["capacity"]) else f"{amount(row['capacity'])} {row['unit']}"
    cells = {"capacity": capacity + ("*" if row["extrapolated"] > 0 else "")}
    cells |= {headings[name]: at_most(row, name) for name in shown}
    cells["in use"] = percent(row["utilisation"])
    if pd.notna(row["cost_a_month"]):
        cells["a month"] = f"{row['cost_a_month']:,.0f}"
    return cells if pd.isna(row["target_seconds"]) else cells | {"target": judged(row, row["quantile"])}


def at_most(row: pd.Series, name: str) -> str:
    """Say a wait with its interval, or what it is at most where that is all there is."""
    if pd.isna(row[f"{name}_seconds"]) and pd.notna(row[f"{name}_high_seconds"]):
        return f"at most {duration(row[f'{name}_high_seconds'])}"
    return with_bounds(row, name)


def forecast(row: pd.Series) -> dict[str, str]:
    """Return the cells of a row of `History.forecast`, by heading."""
    cells = {
        "jobs": between(row, "arrivals"),
        "at once": between(row, "load"),
        "error": "-" if pd.isna(row["error"]) else f"{row['error']:.1f}",
        "last week's": "-" if pd.isna(row["error_naive"]) else f"{row['error_naive']:.1f}",
        "held": percent(row["covered"]),
        "by": said(row["method"]),
    }
    return cells if pd.isna(row["target_seconds"]) else cells | {"passes": percent(row["pass_probability"])}
