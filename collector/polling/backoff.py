"""Pauses after a refused credential: the next polls do not use it for a while, so that the key is not locked."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from collector.api.outcomes import RequestFailed
from collector.polling.gate import UNAUTHORIZED
from collector.polling.requests import Session
from collector.record import files

FILE: Final = "refused.json"
# The gateway locks a key for five minutes after more than five failures in a row.
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Pause:
    """How often in a row a credential was refused, and until when (aware UTC, ISO 8601) it is not used."""

    refusals: int
    until: str

    def over(self, now: datetime) -> bool:
        """Return whether the credential may be used again; setting the clock back does not prolong a pause."""
        left = datetime.fromisoformat(self.until) - now
        return not timedelta() < left <= LONGEST_PAUSE


def read(spool: Path) -> dict[str, Pause]:
    """Return the pauses by credential profile; empty where the file is missing or damaged."""
    return _read(spool / FILE) or {}


def is_odd(spool: Path) -> bool:
    """Return whether the file of the pauses exists and is damaged."""
    return os.path.lexists(spool / FILE) and _read(spool / FILE) is None


def _read(file: Path) -> dict[str, Pause] | None:
    try:
        content = json.loads(files.read_small(file))
        return {profile: _read_pause(entry) for profile, entry in content.items()}
    # JSON may also hold numbers that are too large, and nesting without end.
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _read_pause(entry: Mapping[str, Any]) -> Pause:
    if datetime.fromisoformat(entry["until"]).tzinfo is None:
        raise ValueError("the time until which a pause lasts has no time zone, such as +00:00")
    return Pause(int(entry["refusals"]), entry["until"])


def close_gates(sessions: Sequence[Session], pauses: Mapping[str, Pause], now: datetime) -> None:
    """Close the gates of paused credentials, so that this poll does not use them."""
    for session in sessions:
        pause = pauses.get(session.project.credentials)
        if pause is not None and not pause.over(now):
            times = "once" if pause.refusals == 1 else f"{pause.refusals} times in a row"
            until = datetime.fromisoformat(pause.until).astimezone(UTC)
            message = (
                f"the credential was refused {times}: polls use it again after {until:%Y-%m-%d %H:%M}Z; poolscope "
                "doctor ends the pause once it is accepted"
            )
            session.gate.refusal = RequestFailed(UNAUTHORIZED, error_msg=message)


def keep(spool: Path, sessions: Sequence[Session], pauses: Mapping[str, Pause], now: datetime) -> None:
    """Write the pauses after a poll, for the next one; only under the process lock."""
    new_pauses = dict(pauses)
    for session in sessions:
        profile = session.project.credentials
        before = pauses.get(profile)
        if before is not None and not before.over(now):
            continue
        if session.gate.refused:
            refusals = 1 + (before.refusals if before else 0)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(refusals - 1, 10))
            new_pauses[profile] = Pause(refusals, (now + pause).isoformat(timespec="seconds"))
        elif session.gate.open:
            new_pauses.pop(profile, None)
    if new_pauses != pauses:
        _write(spool, new_pauses)


def forget(spool: Path, profile: str) -> bool:
    """End the pause of a credential that a person tried with success; return whether it had one."""
    pauses = read(spool)
    paused = pauses.pop(profile, None) is not None
    if paused:
        _write(spool, pauses)
    return paused


def _write(spool: Path, pauses: Mapping[str, Pause]) -> None:
    # A failed write costs only one more request; on a full disk the poll itself fails with the reason.
    with suppress(OSError):
        files.make_folder(spool)
        files.write(spool / FILE, json.dumps({name: asdict(pause) for name, pause in pauses.items()}).encode())
