"""Numbers of things as people write them."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s where it is not one.

    >>> counted(1, "poll"), counted(1200, "poll")
    ('1 poll', '1,200 polls')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
