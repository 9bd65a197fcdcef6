"""A stand-in for the ModelArts API, over real HTTP on loopback: for the demo, the tests and the benchmarks.

How a request flows::

    connection -> gateway -> payloads <- pools (simulation or trace) <- jobs
    (HTTP/1.1)    (may it     (JSON)     (what happened)               (counts at an instant)
                   pass?)

Where do I go to ...?

- start it, or learn what it was asked: `server`
- change how it may behave (spellings, history, paging, throttling, clock): `behaviour`
- change what goes wrong on request: `faults`
- change what it refuses, and in which words: `gateway`
- change what its answers look like: `payloads`
- change which pools it has by default, and what people send them: `plans`
- change how a pool lives (queueing, cancelling, failing): `simulation`
- change how a trace of real jobs is read: `traces` (the only file that imports duckdb)
- change how jobs become counts: `jobs`
"""
