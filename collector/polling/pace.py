"""Whether the settings give a poll the time that its pools take, and which of them is too small."""

import math
from typing import Final

from collector.config.settings import CollectSettings

# Listings and second attempts take turns too.
SLACK: Final = 1.1


def too_slow(settings: CollectSettings, pools: int) -> str | None:
    """Return which setting is too small for so many pools, with its mend; None where the pace suffices."""
    seconds = settings.longest_poll.total_seconds()
    needed = pools * SLACK / seconds
    if needed <= settings.requests_per_second:
        return None
    return (
        f"collect.requests_per_second = {settings.requests_per_second:g} is too small for {pools:,} pools in the "
        f"{seconds:g} s of a poll: raise it to {math.ceil(needed)} (the gateway allows 200 an API), or collect.interval"
    )


def out_of_time(settings: CollectSettings, pools: int, unasked: int) -> str:
    """Return why so many of a poll's pools were not asked before its deadline, with the mend."""
    slow = (
        f"answers come too slowly for collect.concurrency = {settings.concurrency}: raise it, or collect.interval; "
        "poolscope doctor tells whether the endpoint answers"
    )
    return f"{unasked:,} of {pools:,} pools were not asked before the deadline: {too_slow(settings, pools) or slow}"
