"""`poolscope report`: its content, the same bytes each time, odd records and odd calls."""

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
from analysis.figures import queueing
from analysis.report import json_schema, render, tables
from analysis.text.units import isolated
from collector.cli import poolscope as poolscope_group
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


def test_the_pool_that_changed_is_a_finding(made: Path) -> None:
    """The pool that became worse surely waits longer and fails more, in a sentence with its interval; no other does."""
    findings = content(made)["findings"]
    sure = {
        (finding["pool"], finding["type"], finding["kind"], finding["measure"])
        for finding in findings
        if finding["sure"]
    }
    assert {("worse", "train", "waits", "wait"), ("worse", "train", "failures", "failures")} <= sure
    assert {"worse"} == {pool for pool, _type, kind, _measure in sure if kind != "limit"}
    failing = next(finding for finding in findings if finding["measure"] == "failures" and finding["sure"])
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
    for finding in content(made)["findings"]:
        if finding["kind"] == "limit":
            row = waits.loc[finding["pool"], finding["type"]]
            assert row["over_slo"] == pytest.approx(finding["value"])
            assert finding["sure"] == (row["over_slo_low"] > 0.1)
        elif finding["kind"] != "changed":
            row = compared.loc[(finding["pool"], finding["type"], finding["measure"])]  # type: ignore[index]  # three levels
            assert row["value"] == pytest.approx(finding["value"])
            low = np.nan if finding["difference_low"] is None else finding["difference_low"]
            assert row["difference_low"] == pytest.approx(low, nan_ok=True)


def test_every_series_has_its_section_with_bounds_and_coverage(made: Path) -> None:
    """A heading a series, those with findings first; each figure with its bounds and coverage, and the method."""
    page = only(made, "html")
    assert ["worse · train"] == re.findall(r'<h2 id="series-\d+">([^<]*)<', page)
    assert ["same · notebook", "same · train"] == re.findall(r'<summary><h3 id="series-\d+">([^<]*)<', page)
    rows = re.findall(r'<th scope="row">mean wait</th><td>([^<]+)</td><td>([^<]+)</td>', page)
    assert 3 == len(rows) == len(re.findall(r"<caption>Waits in this period, coverage \d+%</caption>", page))
    assert all("min" in value and "-" in bounds for value, bounds in rows)
    assert 3 == page.count("<td>conservation</td>")
    assert "Retention of finished jobs, assumed service discipline and method" in page


def test_the_json_is_as_its_schema_says(made: Path) -> None:
    """The file is the schema made from the questions' columns; it holds the report and allows no other field."""
    text = (Path(render.TEMPLATES) / "report.schema.json").read_text(encoding="utf-8")
    assert json_schema.text() == text
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    values = content(made)
    jsonschema.validate(values, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | {"more": 1}, schema)
    values["series"][0]["whole"]["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, schema)


def test_the_same_data_makes_the_same_bytes(database: Path, made: Path, tmp_path: Path) -> None:
    """Page, Markdown, its pictures and JSON, made again in another process and another folder."""
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
    """Every picture that the page refers to is there and is PNG, and there is no other."""
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", only(made, "md"))
    there = {str(file.relative_to(made)) for file in made.rglob("*.png")}
    assert set(named) == there
    assert all((made / name).read_bytes().startswith(b"\x89PNG") for name in named)


def test_a_page_needs_nothing_else(made: Path) -> None:
    """No link leads out of it, nothing is fetched, and no identifier occurs twice."""
    page = only(made, "html")
    assert [] == re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*\"|url\((?!#|data:)", page)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_are_text(language: str, tmp_path: Path) -> None:
    """HTML, Markdown, Chinese, right-to-left, two hundred characters: shown as they are, everywhere."""
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
    """A table of one series and a picture of all series fail: their places say so, and the exit code is 8."""
    facts = tables.facts

    def failing(report: object, of: dict[str, pd.DataFrame]) -> list[tables.Table]:
        if of["whole"]["type"].iloc[0] == "notebook":
            raise ValueError("made to fail")
        return facts(report, of)  # type: ignore[arg-type]  # handed on as it came

    def draw(*_frames: object, **_options: object) -> None:
        raise ArithmeticError("no picture")

    monkeypatch.setattr("analysis.report.sections.facts", failing)
    monkeypatch.setattr(queueing, "week", draw)
    assert 8 == write(database, tmp_path, *PERIOD)
    page = only(tmp_path, "html")
    assert "This section could not be made: ValueError: made to fail" in page
    assert 2 == page.count("This picture could not be drawn.")
    assert 2 == page.count("<caption>Waits in this period")
    errors = capsys.readouterr().err
    assert "same · notebook: ValueError: made to fail" in errors
    assert "ArithmeticError: no picture" in errors


def test_an_estimate_that_fails_takes_no_other_with_it(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without trends the report has everything else, and says what is missing."""

    def conclude(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("made to fail")

    monkeypatch.setattr("analysis.trends.conclusions.trend", conclude)
    assert 8 == write(database, tmp_path, *PERIOD, "--format", "json")
    values = content(tmp_path)
    ((section, message),) = (failure.values() for failure in values["failed"])
    assert "trend" == section
    assert "worse train: ZeroDivisionError: made to fail (conclude, line" in message
    assert all("trend" not in series and "compare" in series and "whole" in series for series in values["series"])


def test_above_the_share_allowed_is_an_exit_code(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 9 with the series' names where more jobs waited too long, else 0; a limit is needed."""
    words = (*PERIOD, "--format", "json", "--fail-above")
    assert 9 == write(database, tmp_path, *words, "5%")
    assert "above the allowed share: worse train" in capsys.readouterr().err
    assert 0 == write(database, tmp_path, *words, "0.99")
    assert 2 == write(database, tmp_path, "--fail-above", "5%")
    assert 2 == write(database, tmp_path, *words, "many")


def test_keep_removes_only_older_reports(database: Path, tmp_path: Path) -> None:
    """Two days stay with their pictures; files of others stay, whatever their names and endings."""
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


def test_no_reader_finds_half_a_report(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a new report is written the old one is unchanged; where writing fails, there is nothing of the new one."""
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
    """For an empty database, or one of failures alone, the report says so, with the causes."""
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
    """Where all attempts of the period failed, the report says so, with the causes and without figures."""
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
    """One slot, or one hour: figures are shown, intervals are refused with the reason, and nothing fails."""
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


def test_a_pool_that_was_removed_has_a_last_answer(tmp_path: Path) -> None:
    """For a pool that was observed in the first week alone, the table of collection has the last good answer."""
    gone = queue(8, days=7, step=1800)
    database = record_of(
        tmp_path, {("p", "gone"): {"train": gone}, ("p", "here"): {"train": queue(9, days=20, step=1800)}}
    )
    assert 0 == write(database, tmp_path / "out", "--format", "html")
    row = re.search(
        r'<th scope="row">gone</th>(.*?)</tr>.*',
        only(tmp_path / "out", "html").partition("Collection: answers and failures by pool")[2],
    )
    assert row is not None
    assert "2026-01-12 00:00" in row[1]


def test_a_pool_that_was_observed_before_the_period_alone_has_no_row(tmp_path: Path) -> None:
    """It has a forecast, which looks at the whole record, and no figures of the period."""
    gone = queue(8, days=7, step=1800)
    database = record_of(
        tmp_path, {("p", "gone"): {"train": gone}, ("p", "here"): {"train": queue(9, days=20, step=1800)}}
    )
    assert 0 == write(database, tmp_path / "out", "--since", "7d", "--format", "html,json")
    overview = only(tmp_path / "out", "html").partition('<table class="sortable">')[2].partition("</table>")[0]
    assert "here" in overview
    assert "gone" not in overview
    assert {"here": True, "gone": False} == {
        pool["pool"]: "whole" in pool for pool in content(tmp_path / "out")["pools"]
    }


def test_all_pools_have_sections_and_some_have_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every series has its section and its row; the most important have pictures, and the page says how many."""
    monkeypatch.setattr("analysis.report.sections.PICTURED", 3)
    for module in ("sections", "summary"):
        monkeypatch.setattr(f"analysis.report.{module}.SHOWN", 5)
    series = queue(7, days=3, step=3600, load=0.9)
    database = record_of(tmp_path, {("p", f"pool-{place:02}"): {"train": series} for place in range(7)})
    assert 0 == write(database, tmp_path / "out", "--slo", "15m", "--format", "html,json")
    page = only(tmp_path / "out", "html")
    assert 5 == page.count('<li class="limit">')
    assert "2 more sure findings are left out here." in page
    assert 7 == len(content(tmp_path / "out")["findings"])
    assert 7 == len(re.findall(r'<h2 id="series-\d+">', page))
    assert 3 == page.count("<figcaption>Queue, waits")
    assert "Pictures show the 3 most important series" in page
    assert 7 == len(content(tmp_path / "out")["series"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--format", "pdf"), 2, "take html, md, json"),
        (("--lang", "de"), 2, "take en, zh"),
        (("--since", "soon"), 2, "is not a date or time"),
        (("--compare", "last"), 2, "take previous, or START..END"),
        (("--pool", "none*"), 2, "there is no pool 'none*'"),
        (("--zone", "Mars/Olympus"), 2, "there is no zone"),
        (("--keep", "0"), 2, "0 is not in the range"),
        (("--db", "missing.duckdb"), 5, "does not exist"),
    ],
)
def test_odd_calls_are_refused(words: tuple[str, ...], code: int, message: str, database: Path, tmp_path: Path) -> None:
    """The message says what is wrong and what to do; nothing is written."""
    with pytest.raises(click.ClickException) as refused:
        poolscope_group.main(
            ["report", "--db", str(database), "--out", str(tmp_path / "reports"), *words], standalone_mode=False
        )
    assert code == refused.value.exit_code
    assert message in refused.value.format_message()
    assert not (tmp_path / "reports").exists()


def test_a_period_without_one_before_is_not_compared(database: Path, tmp_path: Path) -> None:
    """For a period that begins with the record the page says that there is nothing to compare with."""
    assert 0 == write(database, tmp_path, "--since", "70d", "--format", "html,json")
    assert "for which there is no estimate." in only(tmp_path, "html")
    assert all(finding["kind"] in ("limit", "changed") for finding in content(tmp_path)["findings"])


def test_times_are_those_of_the_zone(made: Path) -> None:
    """The day of the file, the period and the windows are the zone's."""
    period = content(made)["period"]
    assert ["2026-02-09T08:00:00+08:00", "2026-03-16T08:00:00+08:00"] == [period["start"], period["end"]]
    starts = content(made)["series"][0]["windows"]["window_start"]
    assert all(start.endswith("T00:00:00+08:00") for start in starts[1:])
    assert MONDAY + CHANGED * DAY == pd.Timestamp(period["start"]).timestamp()


def test_boxes_instead_of_chinese_are_reported(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a font the PNG pictures have boxes, and the command says what to install; HTML needs none."""
    monkeypatch.setattr("analysis.figures.sheets.shows_chinese", lambda: False)
    words = ("--since", "5d", "--pool", "same", "--type", "train", "--lang", "zh", "--format")
    assert 0 == write(database, tmp_path, *words, "md")
    assert "install fonts-noto-cjk" in capsys.readouterr().err
    assert 0 == write(database, tmp_path, *words, "html")
    assert "" == capsys.readouterr().err
