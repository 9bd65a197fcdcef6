"""One poll: every pool of every project once in its slot, each turn a row, whether it succeeded or not."""

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
    """What one poll is about: its slot and run (naive UTC), the interval in force and the command that polls."""

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
        The projects; those without a list of pools are asked for their known ones, and listed when that is due.
    stamp
        Slot, run and interval, the same on every row.
    clock, limits
        What stamps and what bounds the requests.
    known
        What has its sample of this slot already, which is not asked, and which pools there are.
    end
        Once it is set the poll ends with the answers that it has.

    Returns
    -------
    PolledRows
        A row for every turn. What failed is in it with its cause; nothing is raised for it.
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
        """Of each answer that came."""
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
        # What is known does not wait for the listing, nor depend on it.
        self._scrape(self._known.pools.get(project.name, ()))
        if project.name not in self._known.fresh:
            self.discovered = True
            self._open_listings = len(project.workspaces)
            for workspace in project.workspaces:
                self._list(workspace, ())

    def _list(self, workspace: str, tokens: tuple[str, ...]) -> None:
        """Ask for one page of a workspace's pools; `tokens` led to it, the last one names it."""

        def answered(answer: Answer) -> None:
            page = Page()
            failure = answer.failure
            if answer.payload is not None:
                try:
                    page = parse_pools(answer.payload.body)
                    if page.following in tokens or len(tokens) > MOST_PAGES:
                        raise WrongShape("metadata.continue: the pages go round in a circle")
                    if page.nameless is not None:
                        failure = self._not_understood(WrongShape(page.nameless), answer.payload)
                except (NotJson, WrongShape) as error:
                    page = replace(page, following=None)
                    failure = self._not_understood(error, answer.payload)
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
            # Where an item was not understood it may be any pool: no pool is gone for not being listed.
            self.discovered = bool(self.discovered) and failure is None
            if page.following is not None:
                self._list(workspace, (*tokens, page.following))
            else:
                self._listed()

        self._add(lambda api, timeout: api.list_pools(workspace, tokens[-1] if tokens else None, timeout), answered)

    def _listed(self) -> None:
        """Take note that a workspace's last page is in; once all are, what none of them lists may be gone."""
        self._open_listings -= 1
        if self._open_listings == 0 and self.discovered:
            known = {pool.pool for pool in self._known.pools.get(self.session.project.name, ())}
            self._unlisted = known - self.described.keys()

    def finish(self) -> None:
        """Take note of pools that are gone: no listing has them, and they gave no sample either."""
        for pool in sorted(self._unlisted - self._observed):
            if (self.session.project.name, pool) not in self._known.sampled:
                self._gone(pool)

    def _describe(self, pool: DiscoveredPool, workspace: str) -> None:
        told = {f.name: getattr(pool, f.name) for f in fields(pool)}
        project, stamp = self.session.project.name, self._stamp
        described = Pool(stamp.run, project, slot=stamp.slot, listed=True, workspace=workspace, **told)
        # A pool whose statistics say that it is gone is gone, whether that answer or the listing came first.
        self.described.setdefault(pool.pool, described)

    def _gone(self, pool: str) -> None:
        self.described[pool] = Pool(self._stamp.run, self.session.project.name, pool, self._stamp.slot, listed=False)

    def _scrape(self, pools: Sequence[DiscoveredPool]) -> None:
        for pool in selected(pools, self.session.project):
            # Two workspaces or pages may list one pool; it has one turn.
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
                    failure = self._not_understood(error, answer.payload)
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

    def _not_understood(self, error: ValueError, payload: Payload) -> RequestFailed:
        api = self.session.apis[0]
        return RequestFailed(
            "not_json" if isinstance(error, NotJson) else "wrong_shape",
            payload.http_status,
            # A service may answer 200 with an error in the body: its own code tells more than the shape.
            error_code=api.clean(error_of(payload.body)[0], LONGEST_CODE),
            error_msg=api.clean(str(error), LONGEST_MESSAGE),
            request_id=payload.request_id,
            body=api.keep(payload.body),
        )


def _turn(answer: Answer, failure: RequestFailed | None) -> dict[str, Any]:
    """Return the columns that scrapes and discoveries share."""
    told = failure or answer.payload
    return {
        "outcome": OK if failure is None else failure.outcome,
        "http_status": told.http_status if told else None,
        "error_code": failure.error_code if failure else None,
        "error_msg": failure.error_msg if failure else None,
        "request_id": told.request_id if told else None,
        "attempts": answer.attempts,
        "started_at": answer.started_at,
        "answered_at": answer.answered_at,
        "body": failure.body if failure else None,
    }
