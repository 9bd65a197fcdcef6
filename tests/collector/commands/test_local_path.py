"""Commands that take paths refuse addresses in object stores; they would write to a folder with that name."""

from pathlib import Path

import click
import pytest

from collector.cli import poolscope
from collector.context import Context

COMMANDS = (
    ["backup"],
    ["restore"],
    ["import"],
    ["export", "--output"],
    ["prune", "--before", "400d", "--backup"],
    ["collect", "--log"],
    ["demo", "--out"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_address_is_not_a_path(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, and no folder is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.BadParameter, match="s3://bucket/x is not a path: ") as refusal:
        poolscope.main([*command, "s3://bucket/x"], standalone_mode=False, obj=Context({}))
    assert 2 == refusal.value.exit_code
    assert [] == list(tmp_path.iterdir())
