"""`poolscope collect` as cron runs it: the real command against a sandbox, its exit codes, and what it records."""

import json
import stat
from pathlib import Path

import duckdb
import pytest

from collector import __version__
from collector.api.credentials import Credential
from collector.cli import Context
from collector.clock import SimulatedClock
from collector.commands.collect import command
from collector.errors import LockHeld
from collector.polling.discovery import Known
from collector.record import spool
from collector.record.slots import naive
from collector.sandbox.behaviour import ACCESS_KEY, PROJECT_ID, SECRET_KEY, Behaviour
from collector.sandbox.server import Sandbox
from tests.polling import (
    FAST,
    GOOD,
    KEYS,
    START,
    collect,
    configure,
    poolscope,
    project,
    rows,
    statistics_path,
    take_in,
)
from tests.scripted import Scripted, StillPool, another_process, answer

RECORD = Path("data/poolscope.duckdb")
TABLES = ("polls", "discoveries", "scrapes", "snapshots")
ONCE = 'interval = "1d"\nattempts = 1'
FINE = answer(200, GOOD)
BUSY = answer(500, b'{"error_code": "ModelArts.50005000", "error_msg": "Internal error."}')


def statistics_requests(sandbox: Sandbox) -> dict[str, int]:
    return {path.split("/")[-2]: count for path, count in sandbox.requests.items() if path.endswith("/workloads")}


def test_a_slot_is_polled_once_and_silently(tmp_path: Path) -> None:
    """Exit 0 without a word; each pool asked once, whatever proxy is set; a second run in the slot adds no row."""
    dead = "http://127.0.0.1:9"
    kept = []
    with Sandbox([StillPool("a"), StillPool("b", queue=7)]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        for _ in range(2):
            done = poolscope(tmp_path, "collect", HTTP_PROXY=dead, http_proxy=dead, ALL_PROXY=dead)
            assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
            assert {"a": 1, "b": 1} == statistics_requests(sandbox)
            kept.append([rows(tmp_path / RECORD, f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES])
    assert [1, 1, 2, 4] == [len(table) for table in kept[0]]
    assert kept[0] == kept[1]
    seen = rows(tmp_path / RECORD, 'SELECT pool, type, total, "Queue", "Running" FROM snapshots ORDER BY ALL')
    assert [("a", "notebook", 0, 0, 0), ("a", "train", 2, 1, 1)] == seen[:2]
    assert [("b", "notebook", 0, 0, 0), ("b", "train", 8, 7, 1)] == seen[2:]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data", tmp_path / "data" / "spool")}
    assert ({0o600}, {0o700}) == (modes, folders)


def test_a_run_after_a_failure_fills_what_failed(tmp_path: Path) -> None:
    """Exit 1 and a line that says why; the next run asks the failed pool alone, and both turns stay."""
    with Scripted({statistics_path("b"): [BUSY, FINE]}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b"]', ONCE)
        failed = poolscope(tmp_path, "collect")
        assert (1, "") == (failed.returncode, failed.stdout)
        told = json.loads(failed.stderr)
        said = tuple(told[key] for key in ("event", "what", "outcome", "http_status", "error_code"))
        assert ("failed", "p b", "server_error", 500, "ModelArts.50005000") == said
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert {"a": 1, "b": 2} == {path.split("/")[-2]: count for path, count in server.requests.items()}
    turns = rows(tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY pool, run")
    assert [("a", "ok"), ("b", "server_error"), ("b", "ok")] == turns
    assert [("a",), ("b",)] == rows(tmp_path / RECORD, "SELECT pool FROM snapshots ORDER BY pool")


def test_a_full_log_changes_nothing_of_what_is_kept(tmp_path: Path) -> None:
    """A log that takes no byte: the failed pool's exit code, and all answers in the database."""
    with Scripted({statistics_path("b"): [BUSY]}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b"]', ONCE)
        assert 1 == poolscope(tmp_path, "collect", "--log", "/dev/full").returncode
    assert [("a", "ok"), ("b", "server_error")] == rows(
        tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY 1"
    )


def test_a_poll_that_crosses_its_slots_end_is_of_the_slot_it_began_in(tmp_path: Path) -> None:
    """What was known of one slot is not held against the next: what is left of it comes too late, and says so."""
    clock = SimulatedClock(START)
    clock.move_to(START + FAST.interval)
    with Sandbox([StillPool("a")]) as sandbox:
        sampled = Known({("p", "a")})
        seen = collect(tmp_path, [project(sandbox.endpoint, "a", "b")], clock, known=sampled, now=START)
        assert 0 == sum(sandbox.requests.values())
    assert [("b", "deadline", naive(START))] == [(row.pool, row.outcome, row.slot) for row in seen.scrapes]


def test_who_asks_is_said_in_each_request(tmp_path: Path) -> None:
    """Every request, the listing too, carries X-Project-Id and the user agent with the version."""
    listing = answer(200, b'{"items": [{"metadata": {"name": "a"}}]}')
    with Scripted({f"/v2/{PROJECT_ID}/pools": [listing]}, FINE) as server:
        configure(tmp_path, server.endpoint)
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert 2 == len(server.heads)
    for head in server.heads:
        assert f"x-project-id: {PROJECT_ID}\r\n" in head.lower()
        assert f"User-Agent: poolscope/{__version__}\r\n" in head


def test_all_problems_come_before_the_first_request(tmp_path: Path) -> None:
    """Exit 2 with an unknown key, a bad interval and missing keys in one message, and nobody was asked."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pool = ["a"]', 'interval = "7m"')
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_AK="")
        assert (2, "") == (done.returncode, done.stdout)
        for problem in ("projects.p.pool", "'pools'", "collect.interval", "HUAWEICLOUD_SDK_AK"):
            assert problem in json.loads(done.stderr)["message"]
        assert 0 == sum(sandbox.requests.values())
    assert ["poolscope.toml"] == [path.name for path in tmp_path.iterdir()]


def test_a_second_run_is_turned_away_at_once(tmp_path: Path) -> None:
    """Exit 3 while another process holds the lock: no waiting, no request."""
    hold = (
        "import pathlib, sys; from collector.storage.lock import writing\n"
        "with writing(pathlib.Path(sys.argv[1])): print('ready', flush=True); input()"
    )
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        clock = SimulatedClock(START)
        here = Context(
            {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}, clock, tmp_path / "poolscope.toml"
        )
        with another_process(hold, str(tmp_path / RECORD)):
            assert 3 == poolscope(tmp_path, "collect").returncode
            with pytest.raises(LockHeld):
                command.main([], standalone_mode=False, obj=here)
        assert START == clock.now()
        assert 0 == sum(sandbox.requests.values())


@pytest.mark.parametrize("kind", ["foreign", "newer", "garbage"])
def test_a_database_of_others_is_left_untouched(tmp_path: Path, kind: str) -> None:
    """Exit 5 for tables of someone else, a newer schema or no database, not a byte changed; the answers wait."""
    database = tmp_path / RECORD
    database.parent.mkdir()
    if kind == "garbage":
        database.write_bytes(b"no database" * 1000)
    else:
        with duckdb.connect(database) as connection:
            connection.execute("CREATE TABLE payroll (id INTEGER)")
            if kind == "newer":
                connection.execute("CREATE TABLE poolscope_migrations AS SELECT 99 AS version")
    before = database.read_bytes()
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        done = poolscope(tmp_path, "collect")
        assert (5, "") == (done.returncode, done.stdout)
        assert str(database) in done.stderr
        assert {"a": 1} == statistics_requests(sandbox)
    assert before == database.read_bytes()
    assert 1 == len(spool.waiting(tmp_path / "data/spool"))


def test_pools_are_discovered_page_by_page_and_chosen_by_id_or_name(tmp_path: Path) -> None:
    """Pages of two, two workspaces; taken by id or by display name, left out by either."""
    pools = [StillPool(f"gpu-{n}") for n in range(5)]
    pools += [StillPool("npu-1", display_name="vision"), StillPool("npu-2", display_name="scratch")]
    pools += [StillPool("gpu-9", workspace="w2"), StillPool("cpu-1", workspace="w2", display_name="old vision")]
    with Sandbox(pools, Behaviour(page_size=2)) as sandbox:
        chosen = 'include = ["gpu-*", "*vision"]\nexclude = ["gpu-3", "old*"]'
        configure(tmp_path, sandbox.endpoint, f'workspaces = ["0", "w2"]\n{chosen}')
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert dict.fromkeys(["gpu-0", "gpu-1", "gpu-2", "gpu-4", "gpu-9", "npu-1"], 1) == statistics_requests(sandbox)
    pages = rows(tmp_path / RECORD, "SELECT workspace, page, pools, outcome FROM discoveries ORDER BY ALL")
    assert [("0", page, size, "ok") for page, size in enumerate((2, 2, 2, 1))] + [("w2", 0, 2, "ok")] == pages
    assert [(6,)] == rows(tmp_path / RECORD, "SELECT pools FROM polls")


def test_a_refused_key_costs_its_own_projects_alone(tmp_path: Path) -> None:
    """With a wrong secret two requests go out; its pools bear the cause, another project's keys go on."""
    wrong = Credential("default", ACCESS_KEY, "a-wrong-secret-key")
    with Sandbox([StillPool(f"pool-{n}") for n in range(6)], Behaviour(time="requests")) as sandbox:
        listed = project(sandbox.endpoint, *(f"pool-{n}" for n in range(6)))
        other = project(sandbox.endpoint, name="q", credentials="other")
        collect(tmp_path, [listed, other], credentials={"default": wrong, "other": KEYS})
        assert {401: 2, 200: 7} == sandbox.statuses
    take_in(tmp_path)
    counted = rows(
        tmp_path / "record.duckdb", "SELECT project, outcome, error_code, count(*) FROM scrapes GROUP BY ALL ORDER BY 1"
    )
    assert [("p", "unauthorized", "APIGW.0301", 6), ("q", "ok", None, 6)] == counted


def test_what_the_documents_leave_open_is_taken_as_it_comes(tmp_path: Path) -> None:
    """`statics`, counts as strings, statuses left out: the counts are the same, what was not said is NULL.

    Two projects have pools of one name; each keeps its own.
    """
    said = Behaviour(key="statics", counts="strings", omit_zeros=True)
    with Sandbox([StillPool("a", queue=3)], said) as odd, Sandbox([StillPool("a", queue=5)]) as plain:
        second = f'[projects.q]\nproject_id = "{PROJECT_ID}"\nendpoint = "{plain.endpoint}"'
        configure(tmp_path, odd.endpoint, second)
        assert 0 == poolscope(tmp_path, "collect").returncode
    query = 'SELECT project, type, total, "Queue", "Running", "Failed" FROM snapshots ORDER BY ALL'
    expected = [("p", "train", 4, 3, 1, None), ("q", "notebook", 0, 0, 0, 0), ("q", "train", 6, 5, 1, 0)]
    assert expected == rows(tmp_path / RECORD, query)


def test_no_secret_is_kept_or_told(tmp_path: Path) -> None:
    """Keys and token echoed as text, as JSON and as a header: in no file of the record and in no line of output."""
    token = "a-token/of+a-moment==" * 3
    echo = f"canonicalRequest:GET|/v2/|host:h|x-security-token:{token}||{ACCESS_KEY} {SECRET_KEY}"
    told = answer(400, json.dumps({"error_code": SECRET_KEY, "error_msg": echo}).encode(), X_Request_Id=SECRET_KEY)
    escaped = json.dumps({"statistics": {"items": token, token: ACCESS_KEY}}).replace("/", "\\/").encode()
    acts = {"plain": answer(200, echo.encode()), "json": answer(200, escaped)}
    acts["encoded"] = answer(200, b"", Content_Encoding=f"gzip, {token}")
    with Scripted({statistics_path(pool): [act] for pool, act in acts.items()}, told) as server:
        configure(tmp_path, server.endpoint, 'pools = ["plain", "json", "encoded", "told"]', ONCE)
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_SECURITY_TOKEN=token)
        assert 1 == done.returncode
        assert all(token in head for head in server.heads)
    outcomes = rows(tmp_path / RECORD, "SELECT pool, outcome, body IS NULL FROM scrapes ORDER BY ALL")
    expected = [("encoded", "wrong_shape", True), ("json", "wrong_shape", False), ("plain", "not_json", False)]
    assert [*expected, ("told", "bad_request", True)] == outcomes
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for secret in (token, token.replace("/", "\\/"), "of+a-moment", "a-token", ACCESS_KEY, SECRET_KEY):
        assert secret not in done.stdout + done.stderr
        assert not any(secret.encode() in content for content in files)
