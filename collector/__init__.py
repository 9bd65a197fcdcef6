"""Poolscope's writing half: it polls ModelArts and keeps every answer.

How data flows, one way, each stage taking the value that the stage before it returned::

    config -> api -> polling -> record (the spool) -> storage -> record (the database)
                     (all pools of one slot)

Where do I go to ...?

- change what is kept, or how both packages read it: `record` (`schema` and `columns`: the tables, `rows`: what a poll
  makes, `spool` and `spooled`: the files of a poll and their reader, `merging`: which of several rows counts,
  `database`, `header`, `paths` and `reading`: opening and refusing, `selection`, `patterns`, `durations`: what a user
  may ask for)
- change what is asked of the API, or what counts as which failure: `api` (`client`, `signing`, `names`, `outcomes`)
- change what an answer may look like: `api.parse`
- change how one round over all pools goes (workers, retries, pace): `polling` (`poll`, `discovery`, `scheduler`)
- change what one slot does, from what is known to the drain: `polling.slot`, `polling.known`
- change how the database takes rows in, stays small, comes and goes: `storage` (`drain`, `compaction`, `backups`, ...)
- change what can be configured: `config`
- change what a user types: `cli`, `commands`
- change what is found before it costs slots: `doctor` (`endpoint`, `files`, `stored`)
- change the stand-in for the API: `sandbox`

At the top lies what belongs to none of them: `cli` (the composition root), `clock`, `console` and `errors`, which all
use; `status`, which looks at the record; `demo`, which plays them, and `crontab`, which starts them.
The tables' dictionary is data/README.md.
"""

__version__ = "0.1.0"
