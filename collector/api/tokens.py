"""IAM tokens kept between polls, each in a file that only its owner can read, and when a token expires."""

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.record import files

LONGEST_MARGIN: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Token:
    """A token with its times of issue and expiry (aware UTC); a repr does not show its value."""

    value: str = field(repr=False)
    given_at: datetime
    expires_at: datetime

    def nearly_over(self, now: datetime) -> bool:
        """Return whether at most a tenth of its lifetime, or an hour, remains: the shorter of both."""
        return now >= self.expires_at - min(LONGEST_MARGIN, (self.expires_at - self.given_at) / 10)

    def over(self, now: datetime) -> bool:
        """Return whether it has expired."""
        return now >= self.expires_at


def token_file(database: Path, profile: str, project: str) -> Path:
    """Return the path of a project's token file, which is beside the database."""
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{profile}-{project}")
    return database.with_name(database.name + ".tokens") / f"{name}.json"


def read_token(file: Path, owner: str) -> Token | None:
    """Return the owner's token from a file; None if the file has none, is invalid, or has another owner's token."""
    if not _only_ours(file.parent):
        return None
    try:
        fields = json.loads(files.read_small(file))
        if fields["owner"] != owner:
            return None
        given_at, expires_at = (datetime.fromisoformat(fields[name]) for name in ("given_at", "expires_at"))
        value = fields["value"]
        # The value must be usable in a header, and the times must have a zone.
        usable = given_at.tzinfo and expires_at.tzinfo and value.isascii() and value.isprintable()
        return Token(value, given_at, expires_at) if usable else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_token(file: Path, owner: str, token: Token) -> None:
    """Store a token if only its owner can read the file; otherwise store nothing: the next poll asks for another."""
    fields = {"owner": owner, "value": token.value}
    fields |= {"given_at": token.given_at.isoformat(), "expires_at": token.expires_at.isoformat()}
    with suppress(OSError):
        files.make_folder(file.parent)
        if _only_ours(file.parent):
            files.write(file, json.dumps(fields).encode())


def _only_ours(folder: Path) -> bool:
    """Return whether this is a folder of ours, not a link, into which no other user can put files."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    closed = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and closed
