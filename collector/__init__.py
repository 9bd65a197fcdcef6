"""Poolscope's writing half: it polls ModelArts and keeps every answer.

How data flows, one way, each stage taking the value that the stage before it returned::

    config -> client -> parse -> snapshot -> spool -> store
              (poll: all pools of one slot)

Where do I go to ...?

- change what can be configured: `config`, `credentials`
- change what is asked of the API, or what counts as which failure: `client`, `signing`, `auth`
- change how one round over all pools goes (workers, retries, pace): `poll`, `discovery`, `attempts`, `gate`
- change what an answer may look like: `parse`
- change what is kept: `snapshot` (the rows), `schema` (the tables), `data/README.md` (their dictionary)
- change how nothing is lost: `spool`, `store` (`merging`: which rows are new), `database`, `lock`
- change what a user types: `cli`, `commands`
- change the stand-in for the API: `sandbox`
"""

__version__ = "0.1.0"
