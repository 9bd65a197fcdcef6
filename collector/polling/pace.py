"""Whether the settings let a poll ask all pools in time, and which setting is too small."""

import math
from typing import Final

from collector.config.settings import CollectSettings

# A tenth more: listings and further attempts are requests too.
SLACK: Final = 1.1


def too_slow(settings: CollectSettings, pools: int) -> str | None:
    """Return a message that a setting is too small for a number of pools, and how to fix it; None where all fit."""
    seconds = settings.longest_poll.total_seconds()
    needed = pools * SLACK / seconds
    if needed <= settings.requests_per_second:
        return None
    return (
        f"collect.requests_per_second = {settings.requests_per_second:g} is too small for {pools:,} pools in the "
        f"{seconds:g} s of a poll: raise it to {math.ceil(needed)} (the gateway allows 200 per second for each "
        "API), or raise collect.interval"
    )


def out_of_time(settings: CollectSettings, pools: int, unasked: int) -> str:
    """Return a message with the reason why `unasked` pools were not asked before the deadline, and how to fix it."""
    slow = (
        f"answers come too slowly for collect.concurrency = {settings.concurrency}: raise it, or collect.interval; "
        "poolscope doctor checks whether the endpoint answers"
    )
    return f"{unasked:,} of {pools:,} pools were not asked before the deadline: {too_slow(settings, pools) or slow}"
