"""What every test is held to: no secret in use is in what it, or a command that it starts, leaves or tells."""

import os
import shlex
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from collector.sandbox.connection import Answer
from collector.sandbox.gateway import Request
from collector.sandbox.server import Sandbox
from tests.compiled import compile_once
from tests.leaks import IN_USE, reader

FOLDERS = pytest.StashKey[Path]()
SEARCHED = pytest.StashKey[set[str]]()
# How long an example takes, or takes to be made, says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


# A shell that runs the tests in the background lets them, and all that they start, ignore Ctrl-C; tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Overheard:
    """A pipe from a command, of which every line that the test reads is kept."""

    def __init__(self, pipe: Any, place: str) -> None:  # noqa: ANN401 - of text or of bytes
        self._pipe = pipe
        self._place = place

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a pipe has
        return getattr(self._pipe, name)

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line

    def read(self, *size: int) -> Any:  # noqa: ANN401 - text or bytes
        """Read and keep."""
        IN_USE.say(self._place, text := self._pipe.read(*size))
        return text

    def readline(self, *size: int) -> Any:  # noqa: ANN401 - text or bytes
        """Read a line and keep it."""
        IN_USE.say(self._place, line := self._pipe.readline(*size))
        return line


class OverheardPopen(subprocess.Popen[Any]):
    """A command of which its line, the keys of its environment and what it tells through pipes are kept."""

    def __init__(self, args: Any, *more: Any, **named: Any) -> None:  # noqa: ANN401 - as Popen has them
        words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
        line = shlex.join(os.fsdecode(word) for word in words)
        IN_USE.use_environment(named.get("env") or {}, os.environ)
        IN_USE.say("the process list", line)
        super().__init__(args, *more, **named)
        self._place = f"of {' '.join(line.split()[1:5])}"
        for name in ("stdout", "stderr"):
            if (pipe := getattr(self, name)) is not None:
                setattr(self, name, Overheard(pipe, f"the {name} {self._place}"))

    def communicate(self, *args: Any, **named: Any) -> tuple[Any, Any]:  # noqa: ANN401 - as Popen has them
        """Wait for its end, and keep what it told."""
        told = super().communicate(*args, **named)
        for name, text in zip(("stdout", "stderr"), told, strict=True):
            IN_USE.say(f"the {name} {self._place}", text)
        return told


def overheard_answer(answer: Any, sandbox: Sandbox, request: Request) -> Answer:  # noqa: ANN401 - Sandbox.answer
    """Answer as the sandbox does, and keep the secrets of request and answer."""
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
    """Compile before the workers start, where there are to be some."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_once()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin anew, before the first fixture."""
    IN_USE.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search when a test has ended and its fixtures are gone; what is found fails it, and is not told."""
    report = yield
    if "teardown" == call.when:
        for name, text in report.sections:
            IN_USE.say(f"the {name.lower()}", text)
        if leaks := IN_USE.leaks(new_folders(item.config)):
            report.outcome = "failed"
            report.longrepr = "\n".join([f"{item.nodeid} leaks:", *leaks])
            report.sections = []
    return report


def new_folders(config: pytest.Config) -> list[Path]:
    """Return the folders that tests have made since this was asked last."""
    searched = config.stash.setdefault(SEARCHED, set())
    # Beside each folder lies a link to it.
    made = [path for path in config.stash[FOLDERS].iterdir() if not path.is_symlink()]
    new = sorted(path for path in made if path.name not in searched)
    searched |= {path.name for path in new}
    return new


def pytest_sessionfinish() -> None:
    """Close what looked into the files, once the last test has been searched."""
    reader().close()
    reader.cache_clear()
