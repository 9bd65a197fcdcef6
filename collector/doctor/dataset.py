"""Checks of the configured dataset: whether it can be read, and when it was last published."""

from collections.abc import Iterator

from collector.config.settings import Config
from collector.doctor.findings import Finding
from collector.errors import PoolscopeError
from collector.record.counted import counted
from collector.record.database import Record
from collector.record.dataset import open_dataset
from collector.record.durations import spell_duration, spell_every
from collector.record.places import Place
from collector.storage.last_publishing import RETRY, last_publishing, overdue
from collector.storage.targets import target_of


def look_at_dataset(place: Place) -> Iterator[Finding]:
    """Check the manifest and every file, see `open_dataset`."""
    try:
        manifest = target_of(place).manifest()
    except (PoolscopeError, OSError) as refusal:
        # Its text says what to do.
        yield Finding("dataset", "error", str(refusal))
        return
    if manifest is None:
        return
    try:
        open_dataset(place)
    except (PoolscopeError, OSError) as refusal:
        fix = "the next publishing writes missing and changed files again"
        yield Finding("dataset", "warning", str(refusal), fix)
    else:
        yield Finding(
            "dataset", "ok", f"{place} has {counted(len(manifest.files), 'file')} up to slot {manifest.last_slot}"
        )


def look_at_publishing(record: Record, config: Config) -> Iterator[Finding]:
    """Check when the record was last published, and why that failed."""
    dataset = config.dataset
    if dataset.path is None:
        return
    last_slot = record.execute("SELECT max(slot) FILTER (outcome = 'ok') FROM scrapes").fetchall()[0][0]
    last = last_publishing(config.paths.database, dataset.path)
    published = last.published_at if last is not None else None
    text = f"last published {f'{published:%Y-%m-%d %H:%M}Z' if published else 'never'}"
    if last is not None and last.problem is not None:
        text = f"{text}; at {last.tried_at:%Y-%m-%d %H:%M}Z that failed: {last.problem}"
        fix = f"remove the cause: a poll tries again {spell_duration(min(dataset.every, RETRY))} after the failure"
        yield Finding("publishing", "warning", text, fix)
    elif overdue(last, config.publishing_interval, last_slot):
        text = f"{text}, although it is due {spell_every(dataset.every)} and polls go on"
        if last is not None and last.tried_at != last.published_at:
            text = f"{text}; the one that began at {last.tried_at:%Y-%m-%d %H:%M}Z did not end (killed for its memory?)"
        yield Finding("publishing", "warning", text, "run poolscope collect, and see collect.log beside the record")
    else:
        yield Finding("publishing", "ok", text)
