"""Faults on request: which answers a fault affects, and how it changes them."""

import codecs
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from collector.clock import Clock
from collector.record.patterns import matches
from collector.sandbox.behaviour import CUT, GONE, Fault
from collector.sandbox.connection import Answer
from collector.sandbox.payloads import Json

LATENCY_SECONDS = 30.0
"""Longer than a client waits for an answer."""
SECONDS_A_BYTE = 0.1
HUGE = 100 * 1024 * 1024
PIECE = b" " * (1 << 16)
GARBAGE = bytes(range(256))
NEW_TYPE = "x-infer"
NEW_STATUS = "Suspended"
EXPIRED_PEM = Path(__file__).with_name("expired.pem")


def read_fault(text: str) -> Fault:
    """Return the fault of a text of the command line: ``KIND[:PATTERN][@SHARE]``.

    Raises
    ------
    ValueError
        When the kind is unknown or the share is not valid; the message says what is allowed.

    Examples
    --------
    >>> read_fault("server-error:pool-a*@0.5")
    Fault(kind='server-error', pattern='pool-a*', share=0.5)
    """
    head, _, share = text.partition("@")
    kind, _, pattern = head.partition(":")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of fault: use {', '.join(KINDS)}")
    try:
        number = float(share or 1)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise ValueError(f"{share!r} is not a share: it must be a number above 0 and at most 1")
    return Fault(kind, pattern or "*", number)


def meets(fault: Fault, names: tuple[str, ...], number: int) -> bool:
    """Return whether a fault affects a request (or minute, or connection) of this number; the same in every run.

    `names` are the pool's id and display name, or the name of the listing, of tokens or of connections.
    """
    if not matches((fault.pattern,), *names):
        return False
    digest = hashlib.sha256(f"{fault.kind}\n{names}\n{number}".encode()).digest()
    return int.from_bytes(digest[:8]) < fault.share * 2**64


def is_gone(faults: tuple[Fault, ...], names: tuple[str, ...], instant: datetime) -> bool:
    """Return whether a pool is gone in the minute of `instant`."""
    minute = int(instant.timestamp() // 60)
    return any(fault.kind == GONE and meets(fault, names, minute) for fault in faults)


def spoil(
    answer: Answer, faults: tuple[Fault, ...], names: tuple[str, ...], request: int, stopping: threading.Event
) -> Answer:
    """Return a good answer as changed by the first fault that affects it.

    Parameters
    ----------
    answer
        An answer with status 200 or 201; errors are not changed.
    faults
        All faults of the sandbox.
    names
        The names that a fault's pattern can match, see `meets`.
    request
        The number of the request among those with the same path.
    stopping
        Set when the sandbox stops: ends all delays.
    """
    for fault in faults:
        if fault.kind in SPOILERS and meets(fault, names, request):
            return SPOILERS[fault.kind](answer, stopping)
    return answer


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """A clock whose wall clock is ahead of another clock by `skew`."""

    clock: Clock
    skew: timedelta

    def now(self) -> datetime:
        """Return the skewed wall clock, UTC."""
        return self.clock.now() + self.skew

    def monotonic(self) -> float:
        """Return the other clock's seconds."""
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep as the other clock does."""
        await self.clock.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Pause as the other clock does."""
        self.clock.pause(seconds)


def _delayed(answer: Answer, stopping: threading.Event) -> Answer:
    stopping.wait(LATENCY_SECONDS)
    return answer


def _refused(status: int, code: str, message: str, **headers: str) -> Callable[[Answer, threading.Event], Answer]:
    body = json.dumps({"error_code": code, "error_msg": message}).encode()
    more_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer, _stopping: Answer(status, {**answer.headers, **more_headers}, body)


def _cut_off(answer: Answer, _stopping: threading.Event) -> Answer:
    return replace(_with_length(answer, len(answer.body)), body=answer.body[: len(answer.body) // 2], ending="close")


def _slow(answer: Answer, stopping: threading.Event) -> Answer:
    def bytes_one_by_one() -> Iterator[bytes]:
        for byte in answer.body:
            if stopping.wait(SECONDS_A_BYTE):
                return
            yield bytes([byte])

    return replace(_with_length(answer, len(answer.body)), body=b"", rest=bytes_one_by_one())


def _huge(answer: Answer, _stopping: threading.Event) -> Answer:
    """Append spaces that make a valid body huge, without having all of them in memory."""
    pieces = HUGE // len(PIECE)
    return replace(_with_length(answer, len(answer.body) + HUGE), rest=itertools.repeat(PIECE, pieces))


def _with_length(answer: Answer, length: int) -> Answer:
    return replace(answer, headers={**answer.headers, "Content-Length": str(length)})


def _wrong_type(answer: Answer, _stopping: threading.Event) -> Answer:
    return replace(answer, headers={**answer.headers, "Content-Type": "text/html; charset=iso-8859-1"})


def _redirected(answer: Answer, _stopping: threading.Event) -> Answer:
    return Answer(302, {**answer.headers, "Location": "/followed"}, b"")


def _new_type(answer: Answer, _stopping: threading.Event) -> Answer:
    payload = json.loads(answer.body)
    for statistics in _statistics(payload):
        statistics["items"].append({"type": NEW_TYPE, "total": 1, "status": {"Running": 1}})
        statistics["total"] += 1
    return replace(answer, body=json.dumps(payload).encode())


def _new_status(answer: Answer, _stopping: threading.Event) -> Answer:
    payload = json.loads(answer.body)
    for statistics in _statistics(payload):
        for item in statistics["items"]:
            item["status"][NEW_STATUS] = 1
            item["total"] += 1
            statistics["total"] += 1
    return replace(answer, body=json.dumps(payload).encode())


def _encoded(encoding: str) -> Callable[[Answer, threading.Event], Answer]:
    """Return a fault that names a content encoding but does not change the body."""
    return lambda answer, _stopping: replace(answer, headers={**answer.headers, "Content-Encoding": encoding})


def _gone_in_chinese(answer: Answer, _stopping: threading.Event) -> Answer:
    body = json.dumps({"error_code": "ModelArts.50015001", "error_msg": "资源池不存在"}, ensure_ascii=False)
    return Answer(404, answer.headers, body.encode("gbk"))


def _nameless(answer: Answer, _stopping: threading.Event) -> Answer:
    payload = json.loads(answer.body)
    if "items" in payload:
        payload["items"].append({"metadata": {}})
    return replace(answer, body=json.dumps(payload).encode())


def _statistics(payload: Json) -> Iterator[Json]:
    """Yield the statistics of an answer, under either key; other answers have none."""
    yield from (value for key, value in payload.items() if key in ("statistics", "statics"))


THROTTLED = ("APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit,limit:0")
SPOILERS: Mapping[str, Callable[[Answer, threading.Event], Answer]] = {
    "latency": _delayed,
    "throttled": _refused(429, *THROTTLED),
    "retry-after": _refused(429, *THROTTLED, Retry_After="1"),
    "unauthorized": _refused(401, "APIGW.0301", "Incorrect IAM authentication information: x-auth-token not found"),
    "forbidden": _refused(403, "PDP.0001", "Policy doesn't allow this action to be performed."),
    "server-error": _refused(500, "ModelArts.50005000", "Internal error."),
    "reset": lambda answer, _stopping: replace(answer, ending="reset"),
    "cut-off": _cut_off,
    "slow": _slow,
    "huge": _huge,
    "garbage": lambda answer, _stopping: replace(answer, body=GARBAGE),
    "wrong-type": _wrong_type,
    "wrong-encoding": _encoded("UTF-8"),
    "compressed": _encoded("gzip"),
    "byte-order-mark": lambda answer, _stopping: replace(answer, body=codecs.BOM_UTF8 + answer.body),
    "gone-in-gbk": _gone_in_chinese,
    "nameless": _nameless,
    "redirect": _redirected,
    "new-type": _new_type,
    "new-status": _new_status,
}
KINDS = (*SPOILERS, GONE, CUT)
