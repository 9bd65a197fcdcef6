"""Forecasts as sentences: until when today's capacity suffices, and when to order more."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.notes import NONE
from analysis.text.answer import doubted
from analysis.text.language import _, listed, rendered
from analysis.text.units import named


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
            yield doubted(row, until(row, part["window_start"].iloc[0]), "")
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
