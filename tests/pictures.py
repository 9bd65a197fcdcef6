"""The pictures of the pages, from the record of the demo: ``python -m tests.reference --pictures`` makes them anew."""

import shutil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from playwright.sync_api import sync_playwright

from analysis import History, figures
from analysis.figures.sheets import styled
from collector.cli import poolscope
from collector.commands.demo import CONFIG_MARK, _write_config
from tests.pages import PICTURES

POOL: Final[dict[str, Any]] = {"pool": "pool-pretrain*", "by": "pool"}
SIZE: Final = (8.0, 2.9)
"""Inches."""
DOTS: Final = 110
SCREEN: Final = {"width": 1280, "height": 568}
LIMIT: Final = "15m"
FIRST_SCREENS: Final = {"en": "report", "zh": "report.zh"}
"""The pictures of a report's first screen, by language."""
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def write_pictures(demo: Path, folder: Path) -> None:
    """Write all pictures; a folder holds what is made on the way."""
    mpl.use("agg")
    history = History(demo)
    with styled():
        _save("counts", _counts)
        day = {"since": "2026-01-16", "until": "2026-01-17"}
        _save("curves", lambda axes: _curves(axes, history.flows(every="1h", **day, **POOL)))
        distribution = history.distribution(every="all", **POOL)
        _save("distribution", lambda axes: figures.distribution(distribution, axes, limit=900.0))
        plan = history.plan(target_wait=LIMIT, quantile="p90", pool=POOL["pool"])
        _save("plan", lambda axes: figures.plan(plan, axes))
    config = demo.with_name("poolscope.toml")
    _write_config(config, f"{CONFIG_MARK}\n")
    for language in FIRST_SCREENS:
        _first_screen(config, folder, language)


def _save(name: str, draw: Any) -> None:  # noqa: ANN401 - a function that draws on axes
    figure = Figure(figsize=SIZE, layout="constrained")
    draw(figure.subplots())
    figure.savefig(PICTURES / f"{name}.png", dpi=DOTS, metadata={"Software": None}, facecolor="white")


def _counts(axes: Axes) -> None:
    """Draw what a few polls count, made by hand: the queue, what came and left between two polls, and a gap."""
    queue = np.array([1, 3, 2, np.nan, np.nan, 4, 2, 2])
    arrivals, departures = [2, 1, 5, 1, 2], [0, 2, 3, 3, 2]
    slots = np.arange(len(queue))
    axes.bar(slots, np.nan_to_num(queue), 0.5, color="tab:blue", label="jobs that wait, as polled")
    axes.axvspan(2.5, 4.5, color="0.9")
    axes.text(3.5, 2.2, "gap: unknown,\nnot zero", ha="center")
    observed = slots[~np.isnan(queue)]
    for begin, end, came, left in zip(observed, observed[1:], arrivals, departures, strict=False):
        axes.text((begin + end) / 2, 4.8, f"+{came} -{left}", ha="center", fontweight="bold")
    axes.text(-0.45, 5.6, "arrivals and departures between two polls, from the counts of all statuses", ha="left")
    axes.set_ylim(0, 6.2)
    axes.set_xlim(-0.5, len(queue) - 0.5)
    axes.set_xticks(
        slots, [f"{pd.Timestamp('2026-01-05 08:00') + pd.Timedelta(minutes=5 * slot):%H:%M}" for slot in range(8)]
    )
    axes.set_ylabel("jobs")
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.72), frameon=False)


def _curves(axes: Axes, frame: pd.DataFrame) -> None:
    """Draw cumulative arrivals and departures of a day, with the queue at noon and the wait of one job."""
    figures.curves(frame, axes)
    ends = frame["window_end"].dt.tz_localize(None)
    came, left = frame["came_until"].to_numpy(float), frame["left_until"].to_numpy(float)
    seconds = (ends - ends[0]).dt.total_seconds().to_numpy(float)
    noon, job = 11, 8
    arrow: dict[str, Any] = {"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (ends[noon], left[noon]), (ends[noon], came[noon]), arrowprops=arrow)
    axes.text(ends[noon] + pd.Timedelta(minutes=10), left[noon] + 48, "queue length\nat 12:00")
    leaves = ends[0] + pd.Timedelta(seconds=float(np.interp(came[job], left, seconds)))
    axes.annotate("", (leaves, came[job]), (ends[job], came[job]), arrowprops=arrow)
    axes.text(ends[job], came[job] + 12, "wait of a job, first in first out ", ha="right")


def _first_screen(config: Path, folder: Path, language: str) -> None:
    """Write the first screen of the report of the demo in a language."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    options = ["--out", str(folder), "--since", "14d", "--slo", LIMIT, "--lang", language]
    poolscope.main(["--config", str(config), "report", *options], standalone_mode=False)
    (page,) = folder.glob(f"*.{language}.html")
    with sync_playwright() as playwright:
        # As root, which containers are, its own sandbox does not start; it opens our own file alone.
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = started.new_page(viewport=SCREEN)  # type: ignore[arg-type]  # a size
        opened.goto(page.as_uri())
        opened.screenshot(path=PICTURES / f"{FIRST_SCREENS[language]}.png")
        started.close()
