"""The first step from which on a condition holds, found with few tests: each test replays all jobs."""

from collections.abc import Callable


def smallest(holds: Callable[[int], bool], near: int, first: int, last: int) -> int | None:
    """Return the smallest step at which a condition holds; where it holds, it holds at all larger steps too.

    Parameters
    ----------
    holds
        Tests the condition at a step.
    near
        The step at which the search begins.
    first, last
        The range of steps, both included.

    Returns
    -------
    int or None
        None if the condition holds at no step of the range.
    """
    near = min(max(near, first), last)
    stride = 1
    if holds(near):
        holding, failing = near, first - 1
        while holding > first:
            step = max(first, holding - stride)
            if not holds(step):
                failing = step
                break
            holding, stride = step, 2 * stride
    else:
        holding, failing = last + 1, near
        while failing < last:
            step = min(last, failing + stride)
            if holds(step):
                holding = step
                break
            failing, stride = step, 2 * stride
        if holding > last:
            return None
    while holding - failing > 1:
        middle = (holding + failing) // 2
        holding, failing = (middle, failing) if holds(middle) else (holding, middle)
    return holding
