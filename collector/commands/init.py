"""``poolscope init``: writes a commented configuration."""

from pathlib import Path

import click

from collector.cli import DEFAULT_FILE, Context
from collector.console import say
from collector.errors import ConfigError, RecordNotWritten

TEMPLATE = Path(__file__).with_name("poolscope.toml")


@click.command("init")
@click.pass_obj
def command(context: Context) -> None:
    """Write a commented poolscope.toml to start from."""
    file = context.config_file or DEFAULT_FILE
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError(f"{file} exists and was not changed: edit it, or choose another file with --config") from None
    except OSError as error:
        raise RecordNotWritten(f"{file} cannot be written ({error.strerror}): check its folder") from error
    say(
        "initialised",
        f"{file} was written. Next: fill in project_id and region, set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK,\n"
        "run poolscope collect once by hand, then poolscope status to see the result.",
        file=str(file),
    )
