"""The half of Poolscope that writes: it polls ModelArts and stores every answer.

Data flows one way. Each stage takes the value that the stage before it returned::

    config -> api -> polling -> record (the spool) -> storage -> record (the database)
                     (all pools of one slot)

Where to go to

- change what is stored, or how both packages read it: `record` (`schema` and `columns`: the tables; `rows`: the rows
  that a poll makes; `spool` and `spooled`: the files of a poll and their reader; `merging`: which of several rows
  counts; `database`, `header`, `paths` and `reading`: how a database is opened or refused; `selection`, `patterns`
  and `durations`: what a user may ask for)
- change the requests to the API, or how failures are classed: `api` (`client`, `signing`, `names`, `outcomes`)
- change how an answer is parsed: `api.parse`
- change a round over all pools (workers, retries, pace): `polling` (`poll`, `discovery`, `scheduler`)
- change the steps of one slot, from reading the record to the drain: `polling.slot`, `polling.known`
- change how the database takes in rows and stays small, backups, import and export: `storage` (`drain`, `compaction`,
  `backups`, ...); when and how it is published as a dataset: `storage.publishing`, `storage.publish`
- change what can be configured: `config` (`values`: the keys; `settings`: the data; `reader`)
- change what a user types: `catalogue` (the list of commands), `group` (the options that they share), `cli`, `commands`
- change how answers look, and in which forms they go to a terminal or a file: `output`, which `analysis` uses too
- change the checks that find a problem before it costs slots: `doctor` (`endpoint`, `files`, `stored`)
- change the simulated API: `sandbox`

The top level holds what belongs to no folder: `cli` (the composition root); `context` (what it hands to commands);
`clock`, `console` and `errors`, which all folders use; `local_path` (the type of paths that commands take); `status`
(the state of the record); `demo` (polls the sandbox); `crontab` (the lines that start a poll); `own_command` (how a
shell calls this program).
data/README.md describes the tables and their columns.
"""

__version__ = "0.1.0"
