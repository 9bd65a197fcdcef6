"""Look-ups of host names that can be abandoned: a silent name server delays neither a poll nor the end of the process.

asyncio's own look-ups run in a thread pool. The loop and the process wait for its threads when they end, however long
the system's resolver takes.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
# How long the system's resolver waits for a silent name server (more with search domains). A later request starts a new
# look-up, because the name server may have been changed meanwhile.
SHARED_SECONDS: Final = 30.0


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run as `asyncio.run` does, without waiting for unfinished look-ups."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


class Loop(asyncio.SelectorEventLoop):
    """An event loop with one shared look-up a name, which is abandoned when no request waits for it any more."""

    def __init__(self) -> None:
        super().__init__()
        self._look_ups: dict[tuple[object, ...], tuple[float, asyncio.Future[Any]]] = {}

    async def getaddrinfo(
        self,
        host: Any,  # noqa: ANN401 - as the base class has it
        port: Any,  # noqa: ANN401 - likewise
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - likewise
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # noqa: ANN401 - likewise
        """Look a name up, or join a look-up of the same name that began less than half a minute ago."""
        question = (host, port, family, type, proto, flags)
        started, look_up = self._look_ups.get(question, (0.0, None))
        if look_up is None or look_up.done() or self.time() - started > SHARED_SECONDS:
            look_up = self.create_future()
            # Take the exception here: asyncio would complain of one that no waiting request takes.
            look_up.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._look_ups[question] = self.time(), look_up
            threading.Thread(target=self._look_up, args=(look_up, question), daemon=True).start()
        return await asyncio.shield(look_up)

    def _look_up(self, look_up: "asyncio.Future[Any]", question: tuple[Any, ...]) -> None:
        with suppress(RuntimeError):  # The loop has ended.
            try:
                addresses = socket.getaddrinfo(*question)
            except Exception as error:  # noqa: BLE001 - any error goes to the waiting requests
                self.call_soon_threadsafe(look_up.set_exception, error)
            else:
                self.call_soon_threadsafe(look_up.set_result, addresses)
