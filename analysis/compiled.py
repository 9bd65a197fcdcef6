"""Functions that numba compiles: at their first call, and once for all processes where a folder can be written."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return the function compiled, so that other threads run meanwhile.

    The machine code is kept in ``NUMBA_CACHE_DIR``, else beside the source, else in the user's cache. Where none of
    these folders can be written, each process compiles anew.
    """
    try:
        return cast("Function", numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast("Function", numba.njit(nogil=True)(function))
