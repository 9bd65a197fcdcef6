"""Look-ups of host names that nobody has to wait for: a silent name server holds up no poll, nor its end.

asyncio's own run in a pool of threads that is joined at the loop's end and once more at the process's, however long the
system's resolver takes.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
# The system's resolver gives up after so long for each name server that is silent, search domains apart. Whoever asks
# later begins anew: the name server may have been changed meanwhile.
JOINED_SECONDS: Final = 30.0


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run as `asyncio.run` does, and leave look-ups that have not ended to the end of the process."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose look-ups are abandoned where nobody waits for them; those of one name are one."""

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
        """Look a name up, or wait for whoever began with it less than half a minute ago."""
        question = (host, port, family, type, proto, flags)
        began, look_up = self._look_ups.get(question, (0.0, None))
        if look_up is None or look_up.done() or self.time() - began > JOINED_SECONDS:
            look_up = self.create_future()
            # Where nobody waits any more its failure is nobody's.
            look_up.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._look_ups[question] = self.time(), look_up
            threading.Thread(target=self._look_up, args=(look_up, question), daemon=True).start()
        return await asyncio.shield(look_up)

    def _look_up(self, look_up: "asyncio.Future[Any]", question: tuple[Any, ...]) -> None:
        with suppress(RuntimeError):  # The loop has ended.
            try:
                addresses = socket.getaddrinfo(*question)
            except Exception as error:  # noqa: BLE001 - whoever waits for it is told, whatever it is
                self.call_soon_threadsafe(look_up.set_exception, error)
            else:
                self.call_soon_threadsafe(look_up.set_result, addresses)
