"""The commands: where each is, under which heading help lists it, which record it uses, and examples.

The command line, its help and its completion are made from this table. It imports no command: those of `analysis` are
mounted by name alone.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Use: TypeAlias = Literal["record", "database", "configuration", "nothing"]
"""What a command uses: a record, which is a database or a dataset; a database, which it may write to; the configuration
alone; or none of these."""


@dataclass(frozen=True)
class Listed:
    """A command as the catalogue lists it."""

    module: str
    """The module with the click command ``command``, or ``MODULE:NAME``."""
    summary: str
    """The first sentence of its help."""
    uses: Use
    examples: tuple[str, ...]
    """Complete command lines; tests run them."""
    answers: bool = False
    """Whether its standard output is an answer, which ``--quiet`` shows too."""
    makes: bool = False
    """Whether it makes a database that does not exist yet."""


SECTIONS: Final[dict[str, dict[str, Listed]]] = {
    "First steps": {
        "demo": Listed(
            "collector.commands.demo",
            "Collect two weeks of simulated pools in minutes.",
            "nothing",
            ("poolscope demo", "poolscope demo --days 1 --step 1h --out small"),
            answers=True,
        ),
        "sandbox": Listed(
            "collector.commands.sandbox",
            "Serve a simulated API on loopback.",
            "nothing",
            ("poolscope sandbox", "poolscope sandbox --fault 'server-error:pool-vision*@0.5'"),
            answers=True,
        ),
        "init": Listed(
            "collector.commands.init",
            "Write a commented poolscope.toml to start from.",
            "configuration",
            ("poolscope init", "poolscope init --sandbox"),
        ),
        "help": Listed(
            "collector.commands.help",
            "Show the help of a command.",
            "nothing",
            ("poolscope help", "poolscope help waits"),
        ),
        "completion": Listed(
            "collector.commands.completion",
            "Print the script that completes commands and options in a shell.",
            "nothing",
            ("poolscope completion bash", "poolscope completion fish"),
        ),
    },
    "Collect": {
        "doctor": Listed(
            "collector.commands.doctor",
            "Check what is wrong, and say how to fix it.",
            "database",
            ("poolscope doctor", "poolscope doctor --json"),
            answers=True,
        ),
        "collect": Listed(
            "collector.commands.collect",
            "Poll every pool once and store the answers.",
            "database",
            ("poolscope collect", "poolscope collect -v"),
            makes=True,
        ),
        "schedule": Listed(
            "collector.commands.schedule",
            "Show or install the crontab line.",
            "configuration",
            ("poolscope schedule", "poolscope schedule --install", "poolscope schedule --report -- --slo 15m"),
        ),
        "watch": Listed(
            "collector.commands.watch",
            "Poll slot after slot until a signal.",
            "database",
            ("poolscope watch",),
            makes=True,
        ),
        "status": Listed(
            "collector.commands.status",
            "Show the state of the record.",
            "database",
            ("poolscope status", "poolscope status --max-age 1d"),
            answers=True,
        ),
    },
    "Look at the record": {
        "pools": Listed(
            "collector.commands.pools",
            "Show the pools and their changes.",
            "record",
            ("poolscope pools",),
            answers=True,
        ),
        "coverage": Listed(
            "analysis.cli.estimates:coverage",
            "Show how much of each window was observed.",
            "record",
            ("poolscope coverage --since 7d --every 1d",),
        ),
        "flows": Listed(
            "analysis.cli.estimates:flows",
            "Count the arrivals, ended jobs and waiting jobs of each window.",
            "record",
            ("poolscope flows --since 7d --every 1d --by pool",),
        ),
    },
    "Estimates": {
        "waits": Listed(
            "analysis.cli.estimates:waits",
            "Estimate how long jobs waited in the queue.",
            "record",
            (
                "poolscope waits --since 30d --every 1w --slo 15m",
                "poolscope waits --pool vision --every 1d --zone Asia/Shanghai",
            ),
        ),
        "failures": Listed(
            "analysis.cli.estimates:failures",
            "Estimate how often jobs fail.",
            "record",
            ("poolscope failures --since 30d --by pool",),
        ),
        "trend": Listed(
            "analysis.cli.estimates:trend",
            "Show whether waits, arrivals and failures rise or fall.",
            "record",
            ("poolscope trend --since 90d --slo 15m",),
        ),
        "changes": Listed(
            "analysis.cli.estimates:changes",
            "Show when waits, arrivals and failures changed, and by how much.",
            "record",
            ("poolscope changes --since 180d",),
        ),
        "profile": Listed(
            "analysis.cli.estimates:profile",
            "Show a usual week: arrivals, waits and the queue by hour.",
            "record",
            ("poolscope profile --since 60d --zone Asia/Shanghai --by pool",),
        ),
        "compare": Listed(
            "analysis.cli.estimates:compare",
            "Compare a period with another one.",
            "record",
            ("poolscope compare --since 1w", "poolscope compare --since 1w --against 2026-01-05..2026-01-08"),
        ),
    },
    "Plan": {
        "load": Listed(
            "analysis.cli.capacity:load",
            "Show the load of pools, and how much of them is idle.",
            "record",
            ("poolscope load --since 30d",),
        ),
        "plan": Listed(
            "analysis.cli.capacity:plan",
            "Show the waits that the same jobs would have had with more or less capacity.",
            "record",
            (
                "poolscope plan --pool vision --target-wait 15m --quantile p90",
                "poolscope plan --add 2 --demand 1.3",
                "poolscope plan --check",
            ),
        ),
        "forecast": Listed(
            "analysis.cli.capacity:forecast",
            "Forecast arrivals, and when a pool misses its target with the current capacity.",
            "record",
            ("poolscope forecast --target-wait 15m --quantile p90",),
        ),
    },
    "Report": {
        "report": Listed(
            "analysis.cli.report:report",
            "Write a report for a browser, mail, or a program.",
            "record",
            ("poolscope report --slo 15m", "poolscope report --format json --out - --pool vision"),
        ),
        "notebooks": Listed(
            "analysis.cli.notebooks:notebooks",
            "Copy the notebooks to a folder, and open them in JupyterLab.",
            "nothing",
            ("poolscope notebooks", "poolscope notebooks --dir mine --no-open"),
        ),
    },
    "Care of the record": {
        "compact": Listed(
            "collector.commands.compact",
            "Rewrite the database sorted, which makes it smaller.",
            "database",
            ("poolscope compact",),
        ),
        "backup": Listed(
            "collector.commands.backup",
            "Write all tables to Parquet files.",
            "database",
            ("poolscope backup backups/monday",),
        ),
        "restore": Listed(
            "collector.commands.restore",
            "Make a database from a backup or another dataset.",
            "database",
            ("poolscope restore backups/monday --db restored/poolscope.duckdb",),
            makes=True,
        ),
        "prune": Listed(
            "collector.commands.prune",
            "Delete old rows.",
            "database",
            ("poolscope prune --before 400d --dry-run", "poolscope prune --before 400d --backup backups/monday"),
            answers=True,
        ),
        "export": Listed(
            "collector.commands.export",
            "Write the snapshot rows to a file, or the whole record to a dataset.",
            "record",
            (
                "poolscope export --output snapshots.parquet --since 30d",
                "poolscope export --output - --pool vision",
                "poolscope export --dataset dataset",
            ),
        ),
        "import": Listed(
            "collector.commands.import_",
            "Add snapshots from files, or all rows of a dataset, to the record.",
            "database",
            ("poolscope import snapshots.parquet --project old", "poolscope import - < snapshots.csv"),
            makes=True,
        ),
    },
}
HIDDEN: Final = {
    "publish": Listed(
        "collector.commands.publish", "Bring the dataset of [dataset] up to date.", "database", ("poolscope publish",)
    ),
}
COMMANDS: Final[dict[str, Listed]] = {
    **{name: listed for section in SECTIONS.values() for name, listed in section.items()},
    **HIDDEN,
}
"""All commands by name, in the order of help."""
