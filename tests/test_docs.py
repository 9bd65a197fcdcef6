"""The pages: tables and outputs are those of the code, examples run, links lead somewhere."""

import io
import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import matplotlib as mpl
import pytest

from analysis.figures import draw
from analysis.schemas import SCHEMAS
from collector.config.reader import read_config
from collector.sandbox.behaviour import ACCESS_KEY, DEFAULT_PORT, PROJECT_ID, SECRET_KEY
from collector.sandbox.server import Sandbox
from collector.sandbox.simulated import simulated_pools
from tests import reference
from tests.demo_record import STEP, write_demo
from tests.examples import CALL, Reader, folder_with_records, pasting
from tests.keys import KEYS
from tests.pages import CHINESE, PAGES, PICTURES, Block, anchors_of, blocks_of, links_of, text_of
from tests.pages import ROOT as TOP
from tests.polling import rows
from tests.reported import small_demo

MOST_LINES: Final = 110
LARGEST_PICTURE: Final = 250_000
NOT_RUN: Final = {
    "python3 -m venv": "installs; `.ci/run` runs the second one",
    "pip install": "installs",
    ".venv/bin/pytest": "runs all tests",
    "python -m tests.reference": "writes the pages",
    "python tests/benchmarks/": "takes from minutes to hours",
    "poolscope demo": "takes minutes; test_demo runs a short one",
    "poolscope sandbox": "serves until it is interrupted; test_faults and others run it",
    "poolscope watch": "polls until it is interrupted; test_watch runs it",
    "poolscope report --slo 15m --mail-to": "needs a mail server; test_mail runs it",
    "poolscope schedule": "needs keys in files; test_schedule runs it",
    "poolscope notebooks": "opens JupyterLab; test_notebooks runs it",
    "poolscope restore": "makes a database where there is none; test_backup runs it",
    "poolscope export --dataset s3:": "needs a store; test_publish_to_store runs it",
    "poolscope waits --db s3:": "needs a store; test_dataset_in_store runs it",
    "poolscope report --since 30d": "draws all pictures in three forms; the tests of reports do it with less",
    "poolscope report --db data/demo/demo.duckdb --since 14d --slo 15m --zone Asia/Shanghai --lang zh": "likewise",
    "from concurrent.futures": "begins processes; test_engines does it",
}
"""The beginnings of lines that these tests do not run, each with the reason. Their commands and options must exist."""
NOT_CALLS: Final = {"poolscope dataset"}
"""Texts of the pages that begin like a call and are none: the value of a key."""
COARSE: Final = ("collector/README.md", "analysis/README.md", "notebooks/README.md")
"""Pages that show no output of the demo: their examples run on a record with a poll every half hour."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the record of the demo, and one with fewer polls, by the step between polls."""
    folder = tmp_path_factory.mktemp("demo")
    coarse = write_demo(folder / "coarse.duckdb", step=6 * STEP)
    return {"fine": write_demo(folder / "fine.duckdb"), "coarse": coarse}


@pytest.fixture
def reader(request: pytest.FixtureRequest, demo: dict[str, Path], tmp_path: Path) -> Iterator[Reader]:
    """Return a reader of the page of the test, with an account in a sandbox; pictures are drawn in this process."""
    page: str = request.node.callspec.params["page"]
    begins = "poolscope init" in text_of(page)
    folder = folder_with_records(tmp_path, demo["coarse" if page in COARSE else "fine"], polled=not begins)
    with Sandbox(simulated_pools(1)) as sandbox, pytest.MonkeyPatch.context() as patch, mpl.rc_context():
        mpl.use("agg")
        patch.setattr(draw, "FEW", 10_000)
        patch.setenv("HUAWEICLOUD_SDK_AK", ACCESS_KEY)
        patch.setenv("HUAWEICLOUD_SDK_SK", SECRET_KEY)
        fill_in = {
            'project_id = "FILL-IN"': f'project_id = "{PROJECT_ID}"',
            'region = "FILL-IN"': f'endpoint = "{sandbox.endpoint}"',
            f'endpoint = "http://127.0.0.1:{DEFAULT_PORT}"': f'endpoint = "{sandbox.endpoint}"',
        }
        if not begins:
            (folder / "poolscope.toml").write_text("[projects.main]\n" + "\n".join(list(fill_in.values())[:2]))
        with pasting(folder):
            yield Reader(folder, fill_in)


def lines_of(block: Block) -> list[str]:
    return [line for line in block.text.replace("\\\n", "").splitlines() if line.strip()]


def reason_not_to_run(line: str) -> str | None:
    line = line.removeprefix(".venv/bin/") if CALL.match(line) else line
    return next((NOT_RUN[start] for start in NOT_RUN if line.startswith(start)), None)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page not in (CHINESE, "data/README.md")])
def test_the_examples_of_a_page_run(page: str, reader: Reader) -> None:
    """In their order, in one folder, as a reader pastes them; an output that follows is what the example shows."""
    blocks = blocks_of(page)
    names: dict[str, Any] = {}
    for block, after in itertools.zip_longest(blocks, blocks[1:]):
        if "sh" == block.language and not any(map(reason_not_to_run, lines_of(block))):
            shown = reader.run(block)
            if after is not None and "text" == after.language:
                assert after.text == shown, f"{block.name}: python -m tests.reference --outputs writes it anew"
        elif "sh" == block.language:
            for line in lines_of(block):
                assert reason_not_to_run(line) or reader.run(Block(page, block.line, "sh", line)) is not None
        elif "python" == block.language and not reason_not_to_run(lines_of(block)[0]):
            with redirect_stdout(io.StringIO()):
                exec(compile(block.text, block.name, "exec"), names)  # noqa: S102 - our own examples


@pytest.mark.parametrize(
    "block", [block for page in PAGES for block in blocks_of(page) if "toml" == block.language], ids=lambda b: b.name
)
def test_an_example_of_a_configuration_is_valid(block: Block, tmp_path: Path) -> None:
    """It has no unknown key and no invalid value."""
    tomllib.loads(block.text)
    (tmp_path / "poolscope.toml").write_text(block.text, encoding="utf-8")
    assert [] == read_config(tmp_path / "poolscope.toml", {}, tmp_path)[1]


def calls_of(page: str) -> set[str]:
    """Return the calls of poolscope on a page, in its blocks and in its text."""
    calls = {
        line.removeprefix(".venv/bin/") for block in blocks_of(page) for line in lines_of(block) if CALL.match(line)
    }
    words = re.sub(r"<!-- .*?<!-- end -->", "", text_of(page), flags=re.DOTALL)
    return (calls | set(re.findall(r"`(?:\.venv/bin/)?(poolscope [^`]+)`", words))) - NOT_CALLS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_commands_and_options_that_exist(page: str) -> None:
    """In each call on it, also where a call is not run."""
    for call in calls_of(page):
        words = shlex.split(call.partition(" | ")[0].partition("  #")[0])[1:]
        while words and words[0].startswith("-"):
            words = words[2 if words[0] in ("--config", "--db") else 1 :]
        if not words or words[0].isupper():
            continue
        command = reference.commands().get(words[0])
        assert command is not None, call
        known = {name for parameter in command.get_params(click.Context(command)) for name in parameter.opts}
        own = itertools.takewhile(lambda word: word != "--", words[1:])
        assert set() == {word.partition("=")[0] for word in own if re.match(r"-+[a-z]", word)} - known, call


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    """To a file of the repository and a heading in it, or to an address that is well formed."""
    for link in links_of(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "http"), link
            assert re.fullmatch(r"[\w.-]+\.[a-z]+", parts.netloc), link
            continue
        target = (TOP / page).parent / parts.path if parts.path else TOP / page
        assert target.exists(), f"{page}: {link}"
        if parts.fragment:
            assert parts.fragment in anchors_of(target.resolve().relative_to(TOP).as_posix()), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_of_a_page_are_those_of_the_code(page: str) -> None:
    """``python -m tests.reference`` writes them anew."""
    text = text_of(page)
    assert reference.with_tables(text) == text


def test_every_table_is_on_a_page() -> None:
    """Those of the columns of all questions, and those of commands, options, keys and exit codes."""
    shown = [table[2] for page in PAGES for table in reference.TABLE.finditer(text_of(page))]
    assert sorted(reference.TABLES) == sorted(shown)
    assert {f"columns of {name}" for name in SCHEMAS} < set(shown)


@pytest.mark.parametrize("section", KEYS)
def test_every_key_is_explained(section: str) -> None:
    """The file that init writes has each key with an example, and above it its meaning."""
    assert [] == [key.name for key in KEYS[section] if not key.meaning or not key.example]


def test_the_readme_is_short() -> None:
    """It is read in some minutes, and so is the Chinese one."""
    for page in ("README.md", CHINESE):
        assert MOST_LINES >= len(text_of(page).splitlines())


def test_the_chinese_page_has_the_examples_of_the_readme() -> None:
    """The same commands in the same order, and the same outputs; only the language of a report differs."""

    def examples(page: str) -> list[tuple[str, str]]:
        return [(block.language, re.sub(r" --lang zh|\.(zh|en)\b|#.*", "", block.text)) for block in blocks_of(page)]

    assert examples("README.md") == examples(CHINESE)


def test_the_examples_read_the_record_of_the_demo(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The record that is made without HTTP has the counts, scrapes and pools that ``poolscope demo`` stores."""
    made = write_demo(tmp_path / "made.duckdb", days=2, step=6 * STEP)
    polled = small_demo(tmp_path_factory) / "data/demo/demo.duckdb"
    shown = {
        "snapshots": "* EXCLUDE other_statuses",
        "scrapes": "pool, slot, outcome, total",
        "pools": "pool, slot, name, nodes[1].count",
    }
    for table, columns in shown.items():
        query = f"SELECT {columns} FROM {table} ORDER BY ALL"
        assert rows(polled, query) == rows(made, query), table


def test_pictures_are_small() -> None:
    """So that a clone stays small."""
    pictures = [path for path in PICTURES.iterdir() if path.suffix in (".png", ".svg")]
    assert [] == [path.name for path in pictures if path.stat().st_size > LARGEST_PICTURE]
