"""Where a condition begins to hold that holds from some step on, with few looks: each costs a replay of all jobs."""

from collections.abc import Callable


def smallest(holds: Callable[[int], bool], near: int, first: int, last: int) -> int | None:
    """Return the smallest step, from first to last, at which a condition holds that holds at all larger ones.

    Parameters
    ----------
    near
        Where it is looked for first.

    Returns
    -------
    int
        None where it holds at none.
    """
    near = min(max(near, first), last)
    stride = 1
    if holds(near):
        yes, no = near, first - 1
        while yes > first:
            step = max(first, yes - stride)
            if not holds(step):
                no = step
                break
            yes, stride = step, 2 * stride
    else:
        yes, no = last + 1, near
        while no < last:
            step = min(last, no + stride)
            if holds(step):
                yes = step
                break
            no, stride = step, 2 * stride
        if yes > last:
            return None
    while yes - no > 1:
        middle = (yes + no) // 2
        yes, no = (middle, no) if holds(middle) else (yes, middle)
    return yes
