"""Closes a connection that delivered more bytes than one answer: the rest could be taken for the next answer."""

from collections.abc import AsyncIterator
from typing import cast

import httpx


async def raw_chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the undecoded body of a response; close its connection if more bytes followed the body."""
    # aiter_raw would give the connection back to the pool before this check.
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        yield chunk
    if _has_leftovers(response):
        await response.extensions["network_stream"].aclose()


def _has_leftovers(response: httpx.Response) -> bool:
    """Return whether bytes were read beyond the end of the response.

    httpcore itself notices bytes that are still unread before it uses a connection again. Bytes that it has read
    already are in its parser, to which neither httpx nor httpcore gives access.
    """
    stream = response.stream._stream._httpcore_stream._stream  # type: ignore[union-attr]  # noqa: SLF001
    unread, _ = stream._connection._h11_state.trailing_data  # noqa: SLF001
    return bool(unread)
