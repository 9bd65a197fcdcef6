"""A connection on which more came than one answer: it is closed, as the rest would pass for the next answer."""

from collections.abc import AsyncIterator
from typing import cast

import httpx


async def raw_chunks(answered: httpx.Response) -> AsyncIterator[bytes]:
    """Give the body of an answer as it came; its connection is used again only where nothing came after it."""
    # Not aiter_raw: at its end the connection is another request's, before anybody has looked.
    async for chunk in cast("httpx.AsyncByteStream", answered.stream):
        yield chunk
    if _has_leftovers(answered):
        await answered.extensions["network_stream"].aclose()


def _has_leftovers(answered: httpx.Response) -> bool:
    """Tell whether bytes have been read that belong to no answer that was asked for.

    What has not been read yet httpcore sees itself before it uses a connection again; what it has read too much lies in
    its parser, which neither httpx nor httpcore shows.
    """
    stream = answered.stream._stream._httpcore_stream._stream  # type: ignore[union-attr]  # noqa: SLF001
    unread, _ = stream._connection._h11_state.trailing_data  # noqa: SLF001
    return bool(unread)
