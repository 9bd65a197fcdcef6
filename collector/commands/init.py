"""``poolscope init``: a commented configuration to start from."""

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
        with file.open("x", encoding="utf-8") as opened:
            opened.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError(f"{file} is there already and was left as it is: edit it, or name another --config") from None
    except OSError as error:
        raise RecordNotWritten(f"{file} cannot be written ({error.strerror}): mend the folder") from error
    say(
        "initialised",
        f"{file} is written. Next: fill in project_id and region, set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK,\n"
        "then run poolscope collect once by hand and poolscope status to see what it got.",
        file=str(file),
    )
