"""Checks of the configured dataset: whether it can be read, and when it was last published."""

from collections.abc import Iterator

from collector.config.settings import Config
from collector.doctor.findings import Finding
from collector.errors import PoolscopeError, RecordUnreadable
from collector.record.database import Record
from collector.record.dataset import open_dataset
from collector.record.durations import say_duration
from collector.record.places import Place
from collector.storage.last_publishing import last_publishing, overdue
from collector.storage.targets import target_of


def look_at_dataset(place: Place) -> Iterator[Finding]:
    """Check the manifest and every file, see `open_dataset`."""
    try:
        manifest = target_of(place).manifest()
    except (PoolscopeError, OSError) as refusal:
        fix = "name a new folder in [dataset], or move the files away: until then nothing is published"
        yield Finding("dataset", "error", str(refusal).rpartition(": ")[0] or str(refusal), fix)
        return
    if manifest is None:
        return
    try:
        open_dataset(place)
    except RecordUnreadable as refusal:
        fix = "the next publishing writes the file again"
        yield Finding("dataset", "warning", str(refusal).rpartition(": ")[0], fix)
    else:
        yield Finding("dataset", "ok", f"{place} has {len(manifest.files):,} files up to slot {manifest.last_slot}")


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
        yield Finding("publishing", "warning", text, "remove the cause: the next try is in the next period of every")
    elif overdue(last, config.publishing_interval, last_slot):
        text = f"{text}, although it is due every {say_duration(dataset.every)} and polls go on"
        yield Finding("publishing", "warning", text, "run poolscope collect, and see collect.log beside the record")
    else:
        yield Finding("publishing", "ok", text)
