"""The catalogue of commands: each example runs as a reader pastes it, and says what the command's help says."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import matplotlib as mpl
import pytest

from analysis.figures import draw
from collector import __version__
from collector.catalogue import COMMANDS, HIDDEN, SECTIONS
from collector.cli import poolscope
from collector.commands.demo import CONFIG_MARK
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from tests.collector.commands.test_schedule import CRONTAB
from tests.demo_record import write_demo
from tests.examples import Reader, called, folder_with_records, pasting
from tests.polling import environment

EXAMPLES = [example for listed in COMMANDS.values() for example in listed.examples]
BEFORE = {
    "poolscope init": "rm poolscope.toml",
    "poolscope doctor": "poolscope collect",
    "poolscope status": "poolscope collect",
    "poolscope export --output snap": "poolscope collect",
    "poolscope prune": "poolscope collect && poolscope backup backups/monday",
    "poolscope restore": "poolscope backup backups/monday",
    "poolscope import snap": "poolscope export --output snapshots.parquet",
    "poolscope import -": "poolscope export --output snapshots.csv",
    "poolscope publish": "printf '[dataset]\\npath = \"dataset\"\\n' >> poolscope.toml",
}
"""What a reader has called before an example, by its beginning."""
SERVING = ("poolscope sandbox", "poolscope watch")
"""What runs until a signal."""
NOT_RUN = {"poolscope notebooks": "opens JupyterLab, in place of the test; test_notebooks runs it"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a record of eight days, two demos, and a configuration for a sandbox that is served."""
    folder = tmp_path_factory.mktemp("prepared")
    folder_with_records(folder, write_demo(folder / "made.duckdb", days=8, step=timedelta(minutes=30)))
    shutil.copytree(folder / "data" / "demo", folder / "small")
    for demo, made in (("data/demo", "14 days, one poll every 5m"), ("small", "1 days, one poll every 1h")):
        (folder / demo / "poolscope.toml").write_text(f"{CONFIG_MARK} {__version__}, {made}.\n")
        (folder / demo / "reports").mkdir()
        (folder / demo / "reports" / "first.html").touch()
    (folder / "keys").mkdir(mode=0o700)
    for name, key in (("ak", ACCESS_KEY), ("sk", SECRET_KEY)):
        (folder / "keys" / name).touch(mode=0o600)
        (folder / "keys" / name).write_text(key)
    crontab = folder / ".venv" / "bin" / "crontab"
    crontab.write_text(CRONTAB)
    crontab.chmod(0o700)
    with Sandbox(simulated_pools(1)) as sandbox:
        (folder / "poolscope.toml").write_text(
            f'[projects.p]\nproject_id = "{PROJECT_ID}"\nendpoint = "{sandbox.endpoint}"\n'
            '[credentials.default]\naccess_key_file = "keys/ak"\nsecret_key_file = "keys/sk"\n'
        )
        yield folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the prepared folder, with its programs on the PATH; pictures are drawn in this process."""
    shutil.copytree(prepared, tmp_path / "folder")
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'folder/.venv/bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(draw, "FEW", 10_000)
    with mpl.rc_context(), pasting(tmp_path / "folder"):
        mpl.use("agg")
        yield tmp_path / "folder"


def before(example: str) -> str | None:
    return next((BEFORE[start] for start in BEFORE if example.startswith(start)), None)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example not in NOT_RUN])
def test_an_example_runs(example: str, folder: Path) -> None:
    """It ends well, or serves until it is interrupted and then ends well."""
    reader = Reader(folder)
    if earlier := before(example):
        reader.run_in_shell(earlier)
    if example.startswith(SERVING):
        words = [sys.executable, "-m", "collector", *shlex.split(example)[1:]]
        words += ["--port", "0"] if "sandbox" in words else []
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            assert "event" in serving.stdout.readline()
            serving.send_signal(signal.SIGINT)
            serving.communicate()
        assert 0 == serving.returncode
    elif " -" in example and example.endswith((" -", "vision", "csv")):
        reader.run_in_shell(example)
    else:
        reader.run_line(example)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_as_its_help_begins(name: str) -> None:
    """The catalogue's summary is the first sentence of the command's help; each has an example that calls it."""
    command = poolscope.get_command(click.Context(poolscope), name)
    assert command is not None
    assert (command.help or "").startswith(COMMANDS[name].summary.removesuffix(".")), command.help
    assert COMMANDS[name].examples
    assert all(example.split()[:2] == ["poolscope", name] for example in COMMANDS[name].examples)
    assert all(example in (command.epilog or "") for example in COMMANDS[name].examples)


def test_help_lists_every_command_once_under_a_heading() -> None:
    """As the catalogue has them; `help` says the same as `--help`, of all and of one."""
    code, text, _ = called(["--help"])
    assert 0 == code
    assert [] == [heading for heading in SECTIONS if f"\n{heading}:\n" not in text]
    lists = text.partition("First steps:")[2].partition("Exit codes")[0]
    listed = [line.split()[0] for line in lists.splitlines() if line.startswith("  ") and line.strip()]
    assert [name for name in COMMANDS if name not in HIDDEN] == [name for name in listed if name in COMMANDS]
    assert (0, text, "") == called(["help"])
    assert called(["waits", "--help"]) == called(["help", "waits"])


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    """A command, also in help, and an option."""
    for words, meant in ((["wait"], "waits"), (["help", "doktor"], "doctor"), (["waits", "--sinse", "1d"], "--since")):
        code, _, errors = called(words)
        assert 2 == code
        assert meant in errors.partition("id you mean")[2]


@pytest.mark.parametrize(
    ("words", "completion"),
    [("wai", "waits"), ("waits --sl", "--slo"), ("collect --d", "--db"), ("completion z", "zsh")],
)
def test_a_shell_completes_commands_and_options(words: str, completion: str) -> None:
    """By the script that `completion` prints; neither pandas nor numba is loaded for it."""
    code, script, _ = called(["completion", "bash"])
    assert (0, True) == (code, "_POOLSCOPE_COMPLETE=bash_complete" in script)
    program = (
        "import sys; from collector.cli import poolscope; sys.argv = ['poolscope']\ntry: poolscope.main()\nfinally: "
    )
    program += "assert not {'pandas', 'numba', 'numpy'} & set(sys.modules)"
    variables = environment(
        _POOLSCOPE_COMPLETE="bash_complete", COMP_WORDS=f"poolscope {words}", COMP_CWORD=str(len(words.split()))
    )
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    assert f"plain,{completion}" in done.stdout.splitlines()
