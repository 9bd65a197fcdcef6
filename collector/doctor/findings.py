"""What doctor finds: one thing that was looked at, how grave it is, and its mend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    severity: Severity
    told: str
    mend: str | None = None


def worst(findings: Sequence[Finding]) -> Severity:
    """Return the gravest of the severities."""
    for severity in ("error", "warning"):
        if any(finding.severity == severity for finding in findings):
            return severity
    return "ok"
