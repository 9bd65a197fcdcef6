"""``poolscope init``: writes a commented configuration, or one for the sandbox with its keys."""

import os
from pathlib import Path

import click

from collector.console import say
from collector.context import DEFAULT_FILE, Context
from collector.errors import ConfigError, RecordNotWritten
from collector.own_command import own_command
from collector.sandbox.behaviour import ACCESS_KEY, DEFAULT_PORT, PROJECT_ID, REGION, SECRET_KEY

TEMPLATE = Path(__file__).with_name("poolscope.toml")
KEYS = {Path("keys", "sandbox-access-key"): ACCESS_KEY, Path("keys", "sandbox-secret-key"): SECRET_KEY}
FOR_SANDBOX = """\
# Poolscope's configuration for its sandbox, which simulates the API: run poolscope sandbox in another terminal.
# The keys open the sandbox and nothing else. For your account, run poolscope init in another folder.

[credentials.default]
access_key_file = "{}"
secret_key_file = "{}"

[projects.sandbox]
endpoint = "http://127.0.0.1:{}"
project_id = "{}"
region = "{}"
"""
NEXT = """\
{file} was written. Next:
  1. fill in project_id and region
  2. set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or name files with the keys
  3. check it:               {poolscope} doctor
  4. poll once, and look:    {poolscope} collect && {poolscope} status
  5. poll once an interval:  {poolscope} schedule --install"""
NEXT_IN_SANDBOX = """\
{file} was written. Next:
  1. serve the sandbox, in another terminal or here:  {poolscope} sandbox{port} &
  2. poll once, and look:                             {poolscope} collect && {poolscope} status"""


@click.command("init")
@click.option("--sandbox", is_flag=True, help="Write a configuration that works with poolscope sandbox, and its keys.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help=f"The port of the sandbox, as of poolscope sandbox --port N; default: {DEFAULT_PORT}.",
)
@click.pass_obj
def command(context: Context, sandbox: bool, port: int | None) -> None:
    """Write a commented poolscope.toml to start from.

    It is written to this folder, or to the file of --config. A file that exists is not changed.
    """
    if port is not None and not sandbox:
        raise click.UsageError("--port is for the sandbox: use it with --sandbox")
    file = context.config_file or DEFAULT_FILE
    if os.path.lexists(file):
        raise ConfigError(f"{file} exists and was not changed: edit it, or choose another file with --config")
    try:
        if sandbox:
            _write_keys(file.parent)
        text = TEMPLATE.read_text("utf-8")
        if sandbox:
            text = FOR_SANDBOX.format(*KEYS, port or DEFAULT_PORT, PROJECT_ID, REGION)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise RecordNotWritten(f"{file} cannot be written ({error.strerror}): check its folder") from error
    called = own_command() if context.config_file is None else f"{own_command()} --config {file}"
    following = NEXT_IN_SANDBOX if sandbox else NEXT
    text = following.format(file=file, poolscope=called, port=f" --port {port}" if port else "")
    say("initialised", text, file=str(file), message=text)


def _write_keys(folder: Path) -> None:
    """Write the keys of the sandbox to files that only their owner can read; files that exist stay."""
    for name, key in KEYS.items():
        file = folder / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(f"{key}\n", encoding="utf-8")
