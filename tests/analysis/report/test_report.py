"""`poolscope report`: what it says, that it is the same each time, and what becomes of odd records and odd calls."""

import json
import os
import re
from pathlib import Path

import click
import duckdb
import jsonschema
import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.cli.report import report
from analysis.figures import estimates
from analysis.report import render, tables
from analysis.text.units import isolated
from collector.cli import Context
from tests.polling import configure, poolscope
from tests.recorded import MONDAY, record_of
from tests.reported import DAY, HOSTILE, content, empty_record, name_pools, only, queue, write

CHANGED = 35
PERIOD = ("--since", "35d", "--slo", "15m", "--zone", "Asia/Shanghai")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record ten weeks of two pools: one that gets worse after five, and one that does not."""
    pools = {
        ("p", "worse"): {"train": queue(1, changed=CHANGED)},
        ("p", "same"): {"train": queue(2), "notebook": queue(3)},
    }
    return record_of(tmp_path_factory.mktemp("report"), pools)


@pytest.fixture(scope="module")
def made(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report in all its forms."""
    out = tmp_path_factory.mktemp("made")
    assert 0 == write(database, out, *PERIOD, "--format", "html,md,json")
    return out


def test_what_matters_is_what_changed(made: Path) -> None:
    """The pool that got worse is sure to wait longer and to fail more, in a sentence with its interval; no other is."""
    found = content(made)["findings"]
    sure = {(each["pool"], each["type"], each["kind"], each["measure"]) for each in found if each["sure"]}
    assert {("worse", "train", "waits", "wait"), ("worse", "train", "failures", "failures")} <= sure
    assert {"worse"} == {pool for pool, _type, kind, _measure in sure if kind != "limit"}
    failing = next(each for each in found if each["measure"] == "failures" and each["sure"])
    assert failing["difference_low"] < 0.4 < failing["difference_high"]
    for page in (only(made, "html"), only(made, "md")):
        assert re.search(
            r"worse · train\S* the failure rate rose to \d+\.\d%.* from \d+\.\d%, a difference of \+", page
        )


def test_findings_agree_with_the_estimates(database: Path, made: Path) -> None:
    """Every number of a finding is that of `History.compare`, and the share over the limit that of `waits`."""
    asked = {"since": "35d", "slo": "15m", "zone": "Asia/Shanghai"}
    compared = History(database).compare(**asked).set_index(["pool", "type", "measure"])
    waits = History(database).waits(every="all", **asked).set_index(["pool", "type"])
    for each in content(made)["findings"]:
        if each["kind"] == "limit":
            row = waits.loc[each["pool"], each["type"]]
            assert row["over_slo"] == pytest.approx(each["value"])
            assert each["sure"] == (row["over_slo_low"] > 0.1)
        elif each["kind"] != "changed":
            row = compared.loc[(each["pool"], each["type"], each["measure"])]  # type: ignore[index]  # three levels
            assert row["value"] == pytest.approx(each["value"])
            low = np.nan if each["difference_low"] is None else each["difference_low"]
            assert row["difference_low"] == pytest.approx(low, nan_ok=True)


def test_every_series_has_its_section_with_bounds_and_coverage(made: Path) -> None:
    """A heading a series in order, each figure with its bounds and what was seen, and the class of the series."""
    page = only(made, "html")
    assert ["same · notebook", "same · train", "worse · train"] == re.findall(r'<h2 id="series-\d+">([^<]*)<', page)
    rows = re.findall(r'<th scope="row">mean wait</th><td>([^<]+)</td><td>([^<]+)</td><td>(\d+%)</td>', page)
    assert 3 == len(rows)
    assert all("min" in value and "-" in bounds for value, bounds, _seen in rows)
    assert 3 == page.count("<td>conservation</td>")
    assert "How finished jobs are kept" in page


def test_the_json_is_as_its_schema_says(made: Path) -> None:
    """The schema is one, holds the report, and allows nothing that it does not name."""
    schema = json.loads((Path(render.TEMPLATES) / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    said = content(made)
    jsonschema.validate(said, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said | {"more": 1}, schema)


def test_the_same_data_makes_the_same_bytes(database: Path, made: Path, tmp_path: Path) -> None:
    """Once more, in another process and another folder: page, Markdown, its pictures, JSON."""
    configure(tmp_path, "http://127.0.0.1:9")
    done = poolscope(
        tmp_path,
        "report",
        "--db",
        str(database),
        *PERIOD,
        "--format",
        "html,md,json",
        "--out",
        "again",
        PYTHONHASHSEED="7",
    )
    assert 0 == done.returncode, done.stderr
    first = {file.relative_to(made): file.read_bytes() for file in made.rglob("*") if file.is_file()}
    again = {
        file.relative_to(tmp_path / "again"): file.read_bytes()
        for file in (tmp_path / "again").rglob("*")
        if file.is_file()
    }
    assert first == again
    assert 10 < len(first)
    assert [f"again/poolscope-2026-03-16.en.{form}" for form in ("html", "md", "json")] == done.stdout.splitlines()


def test_markdown_has_its_pictures_beside_it(made: Path) -> None:
    """Every picture that is referred to is there, is PNG, and no other is; a second time leaves it so."""
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", only(made, "md"))
    there = {str(file.relative_to(made)) for file in made.rglob("*.png")}
    assert set(named) == there
    assert all((made / name).read_bytes().startswith(b"\x89PNG") for name in named)


def test_a_page_needs_nothing_else(made: Path) -> None:
    """No link leads out of it, nothing is fetched, and no name of an identifier is there twice."""
    page = only(made, "html")
    assert [] == re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"|url\((?!#|data:)", page)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_are_text(language: str, tmp_path: Path) -> None:
    """HTML, Markdown, Chinese, right-to-left, two hundred characters: as they are, everywhere."""
    short = queue(4, days=4, step=3600)
    database = record_of(tmp_path, {("p", f"pool-{place}"): {"train": short} for place in range(len(HOSTILE))})
    name_pools(database, {f"pool-{place}": name for place, name in enumerate(HOSTILE)})
    assert 0 == write(database, tmp_path / "out", "--format", "html,md,json", "--lang", language)
    page, text = only(tmp_path / "out", "html"), only(tmp_path / "out", "md")
    assert "<script>alert" not in page
    assert 1 == page.count("<script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for bare in ("<script>", "**bold**", "[link](https", "https://"):
        assert bare not in text
    for name in HOSTILE[2:]:
        assert name in page
        assert name in text
    assert isolated(HOSTILE[3]) in page
    assert isolated(HOSTILE[3]) != HOSTILE[3]
    assert {*HOSTILE} == {pool["pool_name"] for pool in content(tmp_path / "out")["pools"]}


def test_a_section_that_fails_says_so_and_the_rest_appears(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of one series and the pictures of all waits fail: their places say so, the exit code is 8."""
    facts = tables.facts

    def failing(report: object, of: dict[str, pd.DataFrame]) -> tables.Table:
        if of["whole"]["type"].iloc[0] == "notebook":
            raise ValueError("made to fail")
        return facts(report, of)  # type: ignore[arg-type]  # handed on as it came

    def draw(*_frames: object, **_options: object) -> None:
        raise ArithmeticError("no picture")

    monkeypatch.setattr("analysis.report.sections.facts", failing)
    monkeypatch.setattr(estimates, "week", draw)
    assert 8 == write(database, tmp_path, *PERIOD)
    page = only(tmp_path, "html")
    assert "This section could not be made: ValueError: made to fail" in page
    assert 2 == page.count("This picture could not be drawn.")
    assert 2 == page.count("<caption>In this period</caption>")
    told = capsys.readouterr().err
    assert "same · notebook: ValueError: made to fail" in told
    assert "ArithmeticError: no picture" in told


def test_an_estimate_that_fails_takes_no_other_with_it(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where trends cannot be had the report is made of what can, and says what is missing."""

    def conclude(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("made to fail")

    monkeypatch.setattr("analysis.trends.conclusions.trend", conclude)
    assert 8 == write(database, tmp_path, *PERIOD, "--format", "json")
    said = content(tmp_path)
    assert [{"section": "trend", "message": "ZeroDivisionError: made to fail"}] == said["failed"]
    assert all("trend" not in series and "compare" in series and "whole" in series for series in said["series"])


def test_above_the_share_allowed_is_an_exit_code(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With 9 and the series' names where more waited too long, with 0 where not; a limit is needed."""
    words = (*PERIOD, "--format", "json", "--fail-above")
    assert 9 == write(database, tmp_path, *words, "5%")
    assert "above the share allowed: worse train" in capsys.readouterr().err
    assert 0 == write(database, tmp_path, *words, "0.99")
    assert 2 == write(database, tmp_path, "--fail-above", "5%")
    assert 2 == write(database, tmp_path, *words, "many")


def test_keep_removes_older_ones_of_its_own_alone(database: Path, tmp_path: Path) -> None:
    """Two days stay with their pictures; what others put there stays, whatever its name and ending."""
    words = ("--since", "2026-01-18", "--pool", "same", "--type", "train", "--format", "md,json", "--until")
    for until in ("2026-01-20", "2026-01-21", "2026-01-22"):
        assert 0 == write(database, tmp_path, *words, until)
    mine = {"poolscope-2025-01-01.en.md": "mine", "poolscope-notes.json": "{}", "other.html": "Poolscope report"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "poolscope-2026-01-20.en" / "mine.png").write_bytes(b"\x89PNG\r\n\x1a\nmine")
    assert 0 == write(database, tmp_path, *words, "2026-01-23", "--keep", "2")
    left = {file.name for file in tmp_path.iterdir()}
    days = {f"poolscope-2026-01-{day}.en{end}" for day in (22, 23) for end in (".md", ".json", "")}
    assert {*days, *mine, "poolscope-2026-01-20.en"} == left
    assert ["mine.png"] == [file.name for file in (tmp_path / "poolscope-2026-01-20.en").iterdir()]


def test_nobody_reads_half_a_report(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a new one is written the old one is there as it was; where it cannot be, nothing of the new one is."""
    assert 0 == write(database, tmp_path, "--since", "3d", "--format", "json")
    before = only(tmp_path, "json")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert 2 == write(database, tmp_path, "--since", "2d", "--format", "json")
    assert before == only(tmp_path, "json")
    assert ["poolscope-2026-03-16.en.json"] == [file.name for file in (tmp_path).iterdir()]


@pytest.mark.parametrize("failed", [0, 12])
def test_a_record_of_nothing(failed: int, tmp_path: Path) -> None:
    """An empty database and one of failures alone: a report that says so, with the causes."""
    database = empty_record(tmp_path, failed=failed)
    assert 0 == write(database, tmp_path / "out", "--format", "html,md,json", "--slo", "15m")
    assert [f"poolscope-empty.en.{form}" for form in ("html", "json", "md")] == sorted(
        file.name for file in (tmp_path / "out").iterdir()
    )
    page = only(tmp_path / "out", "html")
    assert "Nothing has been observed yet." in page
    assert ("timeout 12" in page) == bool(failed)
    assert "<svg" not in page


def test_a_period_of_gaps_alone(tmp_path: Path) -> None:
    """Attempts that failed throughout, after a record of better times: said, with the causes, and no figure."""
    database = record_of(tmp_path, {("p", "a"): {"train": queue(5, days=2)}})
    (tmp_path / "more").mkdir()
    worse = empty_record(tmp_path / "more", failed=12)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"ATTACH '{worse}' AS worse")
        connection.execute(
            "INSERT INTO scrapes BY NAME SELECT * REPLACE (slot + INTERVAL 30 DAY AS slot) FROM worse.scrapes"
        )
    out = tmp_path / "out"
    assert 0 == write(database, out, "--since", "2026-02-01", "--until", "2026-02-10", "--format", "html,json")
    assert "Nothing was observed in this period." in only(out, "html")
    assert "timeout 12" in only(out, "html")
    assert [] == content(out)["series"]


@pytest.mark.parametrize("hours", [0, 1])
def test_an_hour_of_data(hours: int, tmp_path: Path) -> None:
    """One slot, or one hour: what was seen is told, intervals are refused with their reason, nothing fails."""
    series = queue(6, days=1)
    database = record_of(tmp_path, {("p", "a"): {"train": series}})
    with duckdb.connect(str(database)) as connection:
        for table in ("scrapes", "snapshots"):
            connection.execute(
                f"DELETE FROM {table} WHERE slot > make_timestamp({MONDAY}::BIGINT * 1000000) + to_hours({hours})"
            )
    assert 0 == write(database, tmp_path / "out", "--format", "html,md,json", "--slo", "15m", "--lang", "en")
    page = only(tmp_path / "out", "html")
    assert ("days with a value: 0" if hours else "fewer than two slots with known counts") in page
    assert (
        "nan" not in re.sub(r"<svg.*?</svg>|<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL).lower()
    )


def test_a_pool_that_went_is_told(tmp_path: Path) -> None:
    """A pool that was seen in the first week alone: when it was seen last stands in the table of collecting."""
    gone = queue(8, days=7, step=1800)
    database = record_of(
        tmp_path, {("p", "gone"): {"train": gone}, ("p", "here"): {"train": queue(9, days=20, step=1800)}}
    )
    assert 0 == write(database, tmp_path / "out", "--format", "html")
    row = re.search(
        r'<th scope="row">gone</th>(.*?)</tr>.*', only(tmp_path / "out", "html").partition("What collecting met")[2]
    )
    assert row is not None
    assert "2026-01-12 00:00" in row[1]


def test_many_pools_are_all_told_of_and_some_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every series has its section and its row; pictures are of so many as a page can hold, which it says."""
    monkeypatch.setattr("analysis.report.sections.PICTURED", 3)
    for module in ("sections", "summary"):
        monkeypatch.setattr(f"analysis.report.{module}.TOLD", 5)
    series = queue(7, days=3, step=3600, load=0.9)
    database = record_of(tmp_path, {("p", f"pool-{place:02}"): {"train": series} for place in range(7)})
    assert 0 == write(database, tmp_path / "out", "--slo", "15m", "--format", "html,json")
    page = only(tmp_path / "out", "html")
    assert 5 == page.count('<li class="limit">')
    assert "2 more sure findings are left out here." in page
    assert 7 == len(content(tmp_path / "out")["findings"])
    assert 7 == len(re.findall(r'<h2 id="series-\d+">', page))
    assert 3 == page.count("<figcaption>Queue, waits")
    assert "Pictures are of the 3 series that matter most" in page
    assert 7 == len(content(tmp_path / "out")["series"])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--format", "pdf"), 2, "take html, md, json"),
        (("--lang", "de"), 2, "take en, zh"),
        (("--since", "soon"), 2, "is no instant"),
        (("--compare", "last"), 2, "take previous, or START..END"),
        (("--pool", "none*"), 2, "no series is selected"),
        (("--zone", "Mars/Olympus"), 2, "there is no zone"),
        (("--keep", "0"), 2, "0 is not in the range"),
        (("--db", "missing.duckdb"), 5, "does not exist"),
    ],
)
def test_odd_calls_are_refused(words: tuple[str, ...], code: int, told: str, database: Path, tmp_path: Path) -> None:
    """What, where, the mend; and nothing is written."""
    with pytest.raises(click.ClickException) as refused:
        report.main(
            ["--db", str(database), "--out", str(tmp_path / "reports"), *words], standalone_mode=False, obj=Context({})
        )
    assert code == refused.value.exit_code
    assert told in refused.value.format_message()
    assert not (tmp_path / "reports").exists()


def test_the_period_before_is_left_out_where_there_is_none(database: Path, tmp_path: Path) -> None:
    """A period that begins with the record: nothing is compared, and that is said."""
    assert 0 == write(database, tmp_path, "--since", "70d", "--format", "html,json")
    assert "of which nothing is known." in only(tmp_path, "html")
    assert all(each["kind"] in ("limit", "changed") for each in content(tmp_path)["findings"])


def test_times_are_those_of_the_zone(made: Path) -> None:
    """The day of the file, the period and the windows are the zone's."""
    said = content(made)["period"]
    assert ["2026-02-09T08:00:00+08:00", "2026-03-16T08:00:00+08:00"] == [said["start"], said["end"]]
    starts = content(made)["series"][0]["windows"]["window_start"]
    assert all(start.endswith("T00:00:00+08:00") for start in starts[1:])
    assert MONDAY + CHANGED * DAY == pd.Timestamp(said["start"]).timestamp()


def test_boxes_in_the_place_of_chinese_are_told(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no font has it the PNG pictures are as they can be, and what to install is said; HTML needs none."""
    monkeypatch.setattr("analysis.figures.sheets.shows_chinese", lambda: False)
    words = ("--since", "5d", "--pool", "same", "--type", "train", "--lang", "zh", "--format")
    assert 0 == write(database, tmp_path, *words, "md")
    assert "install fonts-noto-cjk" in capsys.readouterr().err
    assert 0 == write(database, tmp_path, *words, "html")
    assert "" == capsys.readouterr().err
