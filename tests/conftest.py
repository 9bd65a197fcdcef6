"""The check of every test for leaks: no secret in use is in the output or files of the test and its commands."""

import logging
import os
import shlex
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from collector.console import SHOWN, be_loud
from collector.record.log import LOG
from collector.sandbox.connection import Answer
from collector.sandbox.gateway import Request
from collector.sandbox.server import Sandbox
from tests.compiled import compile_once
from tests.leaks import IN_USE, reader

FOLDERS = pytest.StashKey[Path]()
SEARCHED = pytest.StashKey[set[str]]()
# The time that an example takes depends on how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


# A shell has background processes and their children ignore Ctrl-C, but some tests need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def as_loud_as_before() -> Iterator[None]:
    """Commands that a test calls in its own process set what is shown beside answers: the next test begins anew."""
    yield
    be_loud(verbose=False, quiet=False, answering=False)
    LOG.setLevel(logging.NOTSET)
    LOG.removeHandler(SHOWN)


class Overheard:
    """A pipe from a command; all that the test reads from it is kept for the search."""

    def __init__(self, pipe: Any, place: str) -> None:  # noqa: ANN401 - a pipe of text or of bytes
        self._pipe = pipe
        self._place = place

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a pipe
        return getattr(self._pipe, name)

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line

    def read(self, *size: int) -> Any:  # noqa: ANN401 - text or bytes
        """Read, and keep the text."""
        IN_USE.keep_output(self._place, text := self._pipe.read(*size))
        return text

    def readline(self, *size: int) -> Any:  # noqa: ANN401 - text or bytes
        """Read a line, and keep it."""
        IN_USE.keep_output(self._place, line := self._pipe.readline(*size))
        return line


class OverheardPopen(subprocess.Popen[Any]):
    """A command; its command line, the keys in its environment and its output through pipes are kept."""

    def __init__(self, args: Any, *more: Any, **named: Any) -> None:  # noqa: ANN401 - the arguments of Popen
        words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
        line = shlex.join(os.fsdecode(word) for word in words)
        IN_USE.use_environment(named.get("env") or {}, os.environ)
        IN_USE.keep_output("the process list", line)
        super().__init__(args, *more, **named)
        self._place = f"of {' '.join(line.split()[1:5])}"
        for name in ("stdout", "stderr"):
            if (pipe := getattr(self, name)) is not None:
                setattr(self, name, Overheard(pipe, f"the {name} {self._place}"))

    def communicate(self, *args: Any, **named: Any) -> tuple[Any, Any]:  # noqa: ANN401 - the arguments of Popen
        """Wait for its end, and keep its output."""
        outputs = super().communicate(*args, **named)
        for name, text in zip(("stdout", "stderr"), outputs, strict=True):
            IN_USE.keep_output(f"the {name} {self._place}", text)
        return outputs


def overheard_answer(answer: Any, sandbox: Sandbox, request: Request) -> Answer:  # noqa: ANN401 - Sandbox.answer
    """Answer as the sandbox does, and keep the secrets of request and answer for the search."""
    answered: Answer = answer(sandbox, request)
    for name, value in [*request.headers.items(), *answered.headers.items()]:
        IN_USE.use_header(name, value)
    return answered


@pytest.fixture(scope="session", autouse=True)
def _overhear(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    request.config.stash[FOLDERS] = tmp_path_factory.getbasetemp()
    answer = Sandbox.answer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", OverheardPopen)
        patch.setattr(Sandbox, "answer", lambda sandbox, request: overheard_answer(answer, sandbox, request))
        yield


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile numba's functions before the test workers start."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_once()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the secrets and outputs of the test before, ahead of the first fixture."""
    IN_USE.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search for secrets after a test and its fixtures; a leak fails the test, without showing the secret."""
    report = yield
    if "teardown" == call.when:
        for name, text in report.sections:
            IN_USE.keep_output(f"the {name.lower()}", text)
        if leaks := IN_USE.leaks(new_folders(item.config)):
            report.outcome = "failed"
            report.longrepr = "\n".join([f"{item.nodeid} leaks:", *leaks])
            report.sections = []
    return report


def new_folders(config: pytest.Config) -> list[Path]:
    """Return the folders that tests have made since the last call."""
    searched = config.stash.setdefault(SEARCHED, set())
    # Beside each folder is a link to it.
    folders = [path for path in config.stash[FOLDERS].iterdir() if not path.is_symlink()]
    new = sorted(path for path in folders if path.name not in searched)
    searched |= {path.name for path in new}
    return new


def pytest_sessionfinish() -> None:
    """Close the connection that searches files, after the last test."""
    reader().close()
    reader.cache_clear()
