"""The findings of doctor: what was checked, how severe the result is, and how to fix it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """The result of one check: `fix` says how to fix the problem, None where all is well."""

    what: str
    severity: Severity
    message: str
    fix: str | None = None


def worst(findings: Sequence[Finding]) -> Severity:
    """Return the highest severity."""
    for severity in ("error", "warning"):
        if any(finding.severity == severity for finding in findings):
            return severity
    return "ok"
