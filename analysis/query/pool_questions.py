"""What can be asked of whole pools: how full they are, what another capacity would do, what the next weeks bring."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from analysis.arrays import Ints
from analysis.capacity.forecast import FORECAST, forecast
from analysis.capacity.headroom import hourly
from analysis.capacity.load import LOAD, saturation
from analysis.capacity.plan import PLAN, as_curve, plan
from analysis.capacity.scenario import Wish
from analysis.errors import RequestRefused
from analysis.query.engine import Question
from analysis.query.request import Request
from analysis.queue.told import Told
from analysis.windows import Columns


def of_load(request: Request, flavors: Mapping[str, int]) -> Question:
    """Ask how full pools were."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return saturation(group, windows, flavors, request.queue, request.tz)

    return Question(_of_pools(request), ("flows",), estimate, LOAD)


def of_plan(request: Request, wish: Wish) -> Question:
    """Ask what another capacity would do, of whole pools."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return plan(group, windows, wish, request.queue)

    whole = replace(request, every="all", by="pool")
    return Question(_of_pools(whole), ("waiting", "flows"), estimate, PLAN, as_curve)


def of_forecast(request: Request, wish: Wish, ahead: int | None) -> Question:
    """Ask what the next weeks bring, of whole pools; as many as the record tells where `ahead` is None."""

    def estimate(group: Sequence[Told], windows: Ints) -> Columns:
        return hourly(group, windows, wish, request.queue)

    if request.every not in ("1h", "1w"):
        raise RequestRefused(f"every cannot be {request.every!r}: a forecast is by 1h or 1w")
    conclude = partial(forecast, wish=wish, ahead=ahead, every=request.every, zone=request.tz)
    hours = replace(request, every="1h", by="pool")
    # Waits are replayed for a target alone.
    needs = ("flows",) if wish.target is None else ("waiting", "flows")
    return Question(_of_pools(hours), needs, estimate, FORECAST, conclude)


def _of_pools(request: Request) -> Request:
    """Return a request about whole pools; refuse one that is not."""
    if request.type:
        raise RequestRefused("type cannot be said here: the types of a pool share its capacity")
    if request.by not in ("pool", "all"):
        raise RequestRefused(f"by cannot be {request.by!r} here: take pool or all")
    return request
