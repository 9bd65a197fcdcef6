"""One poll: it asks every pool of every project once in the slot; each answer and each failure becomes a row."""

from asyncio import Event
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from collector import __version__
from collector.api.client import LONGEST_CODE, LONGEST_MESSAGE, ModelArts, Payload
from collector.api.outcomes import RequestFailed, error_of
from collector.api.parse import NotJson, Statistics, WrongShape, parse_statistics
from collector.clock import Clock
from collector.polling.ahead import dating, set_apart, was_ahead
from collector.polling.discovery import DiscoveredPool, Known, Page, parse_pools, selected
from collector.polling.requests import Answer, Request, Session
from collector.polling.scheduler import Limits, Scheduler
from collector.record.rows import OK, Discovery, Poll, PolledRows, Pool, Scrape, Snapshot
from collector.record.slots import naive

MOST_PAGES = 1000


@dataclass(frozen=True)
class PollStamp:
    """The run and slot of one poll (naive UTC), the interval in force, and the command that polls."""

    run: datetime
    slot: datetime
    interval_seconds: int
    command: str


async def poll(
    sessions: Sequence[Session], stamp: PollStamp, clock: Clock, limits: Limits, known: Known, end: Event
) -> PolledRows:
    """Poll all pools of all projects once.

    Parameters
    ----------
    sessions
        The projects. Where one has no list of pools, its known pools are polled, and listed when that is due.
    stamp
        Slot, run and interval of every row.
    clock, limits
        The clock that stamps the requests, and their limits.
    known
        The known pools, and those that have a sample of this slot, which are not asked.
    end
        When it is set, the poll ends with the answers that it has.

    Returns
    -------
    PolledRows
        A row for every scrape and page of a listing. A failure is a row with its cause, and is not raised.
    """
    result = PolledRows()
    scheduler = Scheduler(clock, limits)
    scrapers = [_Scraper(session, stamp, scheduler, result, known) for session in sessions]
    for scraper in scrapers:
        scraper.start()
    await scheduler.run(end)
    ended = naive(clock.now())
    for scraper in scrapers:
        scraper.finish()
        project = scraper.session.project
        result.pools.extend(scraper.described.values())
        result.polls.append(
            Poll(
                run=stamp.run,
                project=project.name,
                project_id=project.project_id,
                endpoint=project.endpoint,
                command=stamp.command,
                version=__version__,
                slot=stamp.slot,
                interval_seconds=stamp.interval_seconds,
                ended_at=ended,
                pools=len(scraper.asked),
                discovered=scraper.discovered,
            )
        )
    dates = [date for scraper in scrapers for date in scraper.dates]
    return set_apart(result) if was_ahead(stamp.slot, dates) else result


class _Scraper:
    """One project's part of a poll."""

    def __init__(
        self, session: Session, stamp: PollStamp, scheduler: Scheduler, result: PolledRows, known: Known
    ) -> None:
        self.session = session
        self.asked: set[str] = set()
        self.described: dict[str, Pool] = {}
        self.discovered: bool | None = None
        self.dates: list[str | None] = []
        """The Date header of each answer, None where it had none."""
        self._stamp = stamp
        self._scheduler = scheduler
        self._result = result
        self._known = known
        self._open_listings = 0
        self._unlisted: set[str] = set()
        self._observed: set[str] = set()

    def start(self) -> None:
        project = self.session.project
        if project.pools is not None:
            self._scrape([DiscoveredPool(pool) for pool in project.pools])
            return
        # Known pools are polled without waiting for the listing, whether it succeeds or not.
        self._scrape(self._known.pools.get(project.name, ()))
        if project.name not in self._known.fresh:
            self.discovered = True
            self._open_listings = len(project.workspaces)
            for workspace in project.workspaces:
                self._list(workspace, ())

    def _list(self, workspace: str, tokens: tuple[str, ...]) -> None:
        """Ask for one page of a workspace's pools; `tokens` has the tokens of the pages before it, and last its own."""

        def answered(answer: Answer) -> None:
            page = Page()
            failure = answer.failure
            if answer.payload is not None:
                try:
                    page = parse_pools(answer.payload.body)
                    if page.following in tokens or len(tokens) > MOST_PAGES:
                        raise WrongShape("metadata.continue: the pages form a circle, or are too many")
                    if page.nameless is not None:
                        failure = not_understood(self.session.apis[0], WrongShape(page.nameless), answer.payload)
                except (NotJson, WrongShape) as error:
                    page = replace(page, following=None)
                    failure = not_understood(self.session.apis[0], error, answer.payload)
            self._result.discoveries.append(
                Discovery(
                    run=self._stamp.run,
                    project=self.session.project.name,
                    workspace=workspace,
                    page=len(tokens),
                    slot=self._stamp.slot,
                    pools=None if failure is not None else len(page.pools),
                    **_turn(answer, failure),
                )
            )
            for pool in page.pools:
                self._describe(pool, workspace)
            self._scrape(page.pools)
            # An item that was not understood may be any pool: then a pool that is not listed does not count as gone.
            self.discovered = bool(self.discovered) and failure is None
            if page.following is not None:
                self._list(workspace, (*tokens, page.following))
            else:
                self._listed()

        self._add(lambda api, timeout: api.list_pools(workspace, tokens[-1] if tokens else None, timeout), answered)

    def _listed(self) -> None:
        """Note that a workspace is listed; after the last one, known pools that are in no listing may be gone."""
        self._open_listings -= 1
        if self._open_listings == 0 and self.discovered:
            known = {pool.pool for pool in self._known.pools.get(self.session.project.name, ())}
            self._unlisted = known - self.described.keys()

    def finish(self) -> None:
        """Note the pools that are gone: no listing has them, and they gave no sample."""
        for pool in sorted(self._unlisted - self._observed):
            if (self.session.project.name, pool) not in self._known.sampled:
                self._gone(pool)

    def _describe(self, pool: DiscoveredPool, workspace: str) -> None:
        values = {f.name: getattr(pool, f.name) for f in fields(pool)}
        project, stamp = self.session.project.name, self._stamp
        described = Pool(stamp.run, project, slot=stamp.slot, listed=True, workspace=workspace, **values)
        # If the statistics answered that the pool is gone, that holds, whichever answer came first.
        self.described.setdefault(pool.pool, described)

    def _gone(self, pool: str) -> None:
        self.described[pool] = Pool(self._stamp.run, self.session.project.name, pool, self._stamp.slot, listed=False)

    def _scrape(self, pools: Sequence[DiscoveredPool]) -> None:
        for pool in selected(pools, self.session.project):
            # Two workspaces or pages may list one pool: it is asked once.
            if pool not in self.asked:
                self.asked.add(pool)
                if (self.session.project.name, pool) not in self._known.sampled:
                    self._ask(pool)

    def _ask(self, pool: str) -> None:
        name, stamp = self.session.project.name, self._stamp

        def answered(answer: Answer) -> None:
            statistics = Statistics(None, (), None)
            failure = answer.failure
            if answer.payload is not None:
                try:
                    statistics = parse_statistics(answer.payload.body)
                except (NotJson, WrongShape) as error:
                    failure = not_understood(self.session.apis[0], error, answer.payload)
            if failure is None:
                self._observed.add(pool)
            elif failure.outcome == "gone" and self.session.project.pools is None:
                self._gone(pool)
            turn = _turn(answer, failure)
            self._result.scrapes.append(
                Scrape(
                    run=stamp.run,
                    project=name,
                    pool=pool,
                    slot=stamp.slot,
                    interval_seconds=stamp.interval_seconds,
                    total=statistics.total,
                    disagreement=statistics.disagreement,
                    **turn,
                )
            )
            self._result.snapshots.extend(
                Snapshot(stamp.run, name, pool, i.type, stamp.slot, i.total, i.counts, i.other_statuses)
                for i in statistics.items
            )

        self._add(lambda api, timeout: api.show_workload_statistics(pool, timeout), answered)

    def _add(self, send: Callable[[ModelArts, float], Awaitable[Payload]], answered: Callable[[Answer], None]) -> None:
        self._scheduler.add(Request(self.session.gate, self.session.apis, send, dating(self.dates, answered)))


def not_understood(api: ModelArts, error: ValueError, payload: Payload) -> RequestFailed:
    """Return the failure of a payload that cannot be parsed, with the error and the beginning of the payload."""
    return RequestFailed(
        "not_json" if isinstance(error, NotJson) else "wrong_shape",
        payload.http_status,
        # A service may answer 200 with an error in the body: its code says more than the shape.
        error_code=api.clean(error_of(payload.body)[0], LONGEST_CODE),
        error_msg=api.clean(str(error), LONGEST_MESSAGE),
        request_id=payload.request_id,
        body=api.keep(payload.body),
    )


def _turn(answer: Answer, failure: RequestFailed | None) -> dict[str, Any]:
    """Return the columns that scrapes and discoveries share."""
    response = failure or answer.payload
    return {
        "outcome": OK if failure is None else failure.outcome,
        "http_status": response.http_status if response else None,
        "error_code": failure.error_code if failure else None,
        "error_msg": failure.error_msg if failure else None,
        "request_id": response.request_id if response else None,
        "attempts": answer.attempts,
        "started_at": answer.started_at,
        "answered_at": answer.answered_at,
        "body": failure.body if failure else None,
    }
