"""A simulated ModelArts API, over real HTTP on loopback: for the demo, the tests and the benchmarks.

How a request flows::

    connection -> gateway -> payloads <- pools (simulation or trace) <- jobs
    (HTTP/1.1)    (checks)    (JSON)     (events of jobs)              (counts at a time)

Where do I go to ...?

- start the sandbox, or see which requests it received: `server`
- change its settings (spellings, retention, paging, throttling, clock): `behaviour`
- change the faults that it can make: `faults`
- change what it refuses, and the messages: `gateway`
- change the form of its answers: `payloads`
- change the default pools and their workloads: `plans`
- change how a pool is simulated (queueing, cancelling, failing): `simulation`
- change how a trace of real jobs is read: `traces` (the only file that imports duckdb)
- change how jobs are counted: `jobs`
"""
