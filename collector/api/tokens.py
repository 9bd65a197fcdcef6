"""Tokens between two ticks: one owner-only file each, and how long a token is used."""

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
    """A token, when it was given and until when it lives (aware UTC); its value never shows in a repr."""

    value: str = field(repr=False)
    given_at: datetime
    expires_at: datetime

    def nearly_over(self, now: datetime) -> bool:
        """Return whether a tenth of its life, an hour at most, is all that is left."""
        return now >= self.expires_at - min(LONGEST_MARGIN, (self.expires_at - self.given_at) / 10)

    def over(self, now: datetime) -> bool:
        """Return whether its life has ended."""
        return now >= self.expires_at


def token_file(database: Path, profile: str, project: str) -> Path:
    """Return where the token of a project is kept: beside the record."""
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{profile}-{project}")
    return database.with_name(database.name + ".tokens") / f"{name}.json"


def read_token(file: Path, owner: str) -> Token | None:
    """Return the token that a file keeps for an owner; None where it keeps none, or another's."""
    if not _only_ours(file.parent):
        return None
    try:
        kept = json.loads(files.read_small(file))
        if kept["owner"] != owner:
            return None
        given_at, expires_at = (datetime.fromisoformat(kept[name]) for name in ("given_at", "expires_at"))
        value = kept["value"]
        # Of what cannot stand in a header, or has no zone, no request can be made.
        whole = given_at.tzinfo and expires_at.tzinfo and value.isascii() and value.isprintable()
        return Token(value, given_at, expires_at) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_token(file: Path, owner: str, token: Token) -> None:
    """Keep a token, where its owner alone can; where that cannot be done the next tick asks for another."""
    kept = {"owner": owner, "value": token.value}
    kept |= {"given_at": token.given_at.isoformat(), "expires_at": token.expires_at.isoformat()}
    with suppress(OSError):
        files.make_folder(file.parent)
        if _only_ours(file.parent):
            files.write(file, json.dumps(kept).encode())


def _only_ours(folder: Path) -> bool:
    """Return whether nobody else can put files into a folder, or has put a link or a folder of theirs in its place."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    closed = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and closed
