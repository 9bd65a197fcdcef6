"""`poolscope collect` as cron runs it: the real command against a sandbox, its exit codes and its rows."""

import json
import stat
from pathlib import Path

import duckdb
import pytest

from collector import __version__
from collector.api.credentials import Credential
from collector.clock import SimulatedClock
from collector.commands.collect import command
from collector.context import Context
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
    """Exit 0 without output; each pool is polled once despite a proxy; a second run in the slot adds no row."""
    dead_proxy = "http://127.0.0.1:9"
    tables = []
    with Sandbox([StillPool("a"), StillPool("b", queue=7)]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        for _ in range(2):
            done = poolscope(tmp_path, "collect", HTTP_PROXY=dead_proxy, http_proxy=dead_proxy, ALL_PROXY=dead_proxy)
            assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
            assert {"a": 1, "b": 1} == statistics_requests(sandbox)
            tables.append([rows(tmp_path / RECORD, f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES])
    assert [1, 1, 2, 4] == [len(table) for table in tables[0]]
    assert tables[0] == tables[1]
    counts = rows(tmp_path / RECORD, 'SELECT pool, type, total, "Queue", "Running" FROM snapshots ORDER BY ALL')
    assert [("a", "notebook", 0, 0, 0), ("a", "train", 2, 1, 1)] == counts[:2]
    assert [("b", "notebook", 0, 0, 0), ("b", "train", 8, 7, 1)] == counts[2:]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data", tmp_path / "data" / "spool")}
    assert ({0o600}, {0o700}) == (modes, folders)


def test_a_second_run_polls_only_the_pools_that_failed(tmp_path: Path) -> None:
    """Exit 1 with the cause; the next run polls only the failed pool, and both its scrapes are stored."""
    with Scripted({statistics_path("b"): [BUSY, FINE]}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b"]', ONCE)
        failed = poolscope(tmp_path, "collect")
        assert (1, "") == (failed.returncode, failed.stdout)
        warning = json.loads(failed.stderr)
        fields = tuple(warning[key] for key in ("event", "what", "outcome", "http_status", "error_code"))
        assert ("failed", "p b", "server_error", 500, "ModelArts.50005000") == fields
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert {"a": 1, "b": 2} == {path.split("/")[-2]: count for path, count in server.requests.items()}
    scrapes = rows(tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY pool, run")
    assert [("a", "ok"), ("b", "server_error"), ("b", "ok")] == scrapes
    assert [("a",), ("b",)] == rows(tmp_path / RECORD, "SELECT pool FROM snapshots ORDER BY pool")


def test_a_full_disk_of_the_log_costs_no_answers(tmp_path: Path) -> None:
    """If the log cannot be written, the exit code is that of the failed pool, and all answers are in the database."""
    with Scripted({statistics_path("b"): [BUSY]}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a", "b"]', ONCE)
        assert 1 == poolscope(tmp_path, "collect", "--log", "/dev/full").returncode
    assert [("a", "ok"), ("b", "server_error")] == rows(
        tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY 1"
    )


def test_a_poll_that_starts_after_its_slot_belongs_to_that_slot(tmp_path: Path) -> None:
    """A poll that runs past its slot's end makes no request; a pool without a sample has the outcome `deadline`."""
    clock = SimulatedClock(START)
    clock.move_to(START + FAST.interval)
    with Sandbox([StillPool("a")]) as sandbox:
        sampled = Known({("p", "a")})
        result = collect(tmp_path, [project(sandbox.endpoint, "a", "b")], clock, known=sampled, now=START)
        assert 0 == sum(sandbox.requests.values())
    assert [("b", "deadline", naive(START))] == [(row.pool, row.outcome, row.slot) for row in result.scrapes]


def test_each_request_names_project_and_client(tmp_path: Path) -> None:
    """Every request, including the listing, has X-Project-Id and a user agent with the version."""
    listing = answer(200, b'{"items": [{"metadata": {"name": "a"}}]}')
    with Scripted({f"/v2/{PROJECT_ID}/pools": [listing]}, FINE) as server:
        configure(tmp_path, server.endpoint)
        assert 0 == poolscope(tmp_path, "collect").returncode
    assert 2 == len(server.heads)
    for head in server.heads:
        assert f"x-project-id: {PROJECT_ID}\r\n" in head.lower()
        assert f"User-Agent: poolscope/{__version__}\r\n" in head


def test_all_problems_are_reported_before_the_first_request(tmp_path: Path) -> None:
    """Exit 2 with an unknown key, an invalid interval and missing keys in one message, and no request was sent."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pool = ["a"]', 'interval = "7m"')
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_AK="")
        assert (2, "") == (done.returncode, done.stdout)
        for problem in ("projects.p.pool", "'pools'", "collect.interval", "HUAWEICLOUD_SDK_AK"):
            assert problem in json.loads(done.stderr)["message"]
        assert 0 == sum(sandbox.requests.values())
    assert ["poolscope.toml"] == [path.name for path in tmp_path.iterdir()]


def test_a_concurrent_run_is_refused_at_once(tmp_path: Path) -> None:
    """Exit 3 while another process holds the lock, without waiting and without a request."""
    hold = (
        "import pathlib, sys; from collector.storage.lock import writing\n"
        "with writing(pathlib.Path(sys.argv[1])): print('ready', flush=True); input()"
    )
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint)
        clock = SimulatedClock(START)
        context = Context(
            {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}, clock, tmp_path / "poolscope.toml"
        )
        with another_process(hold, str(tmp_path / RECORD)):
            assert 3 == poolscope(tmp_path, "collect").returncode
            with pytest.raises(LockHeld):
                command.main([], standalone_mode=False, obj=context)
        assert START == clock.now()
        assert 0 == sum(sandbox.requests.values())


@pytest.mark.parametrize("kind", ["foreign", "newer", "garbage"])
def test_a_database_that_is_not_ours_is_not_changed(tmp_path: Path, kind: str) -> None:
    """Exit 5 for other tables, a newer schema or no database; the file is unchanged, the answers are in the spool."""
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


def test_pools_are_discovered_page_by_page_and_selected_by_id_or_name(tmp_path: Path) -> None:
    """With pages of two and two workspaces, pools are included and excluded by id or display name."""
    pools = [StillPool(f"gpu-{n}") for n in range(5)]
    pools += [StillPool("npu-1", display_name="vision"), StillPool("npu-2", display_name="scratch")]
    pools += [StillPool("gpu-9", workspace="w2"), StillPool("cpu-1", workspace="w2", display_name="old vision")]
    with Sandbox(pools, Behaviour(page_size=2)) as sandbox:
        patterns = 'include = ["gpu-*", "*vision"]\nexclude = ["gpu-3", "old*"]'
        configure(tmp_path, sandbox.endpoint, f'workspaces = ["0", "w2"]\n{patterns}')
        assert 0 == poolscope(tmp_path, "collect").returncode
        assert dict.fromkeys(["gpu-0", "gpu-1", "gpu-2", "gpu-4", "gpu-9", "npu-1"], 1) == statistics_requests(sandbox)
    pages = rows(tmp_path / RECORD, "SELECT workspace, page, pools, outcome FROM discoveries ORDER BY ALL")
    assert [("0", page, size, "ok") for page, size in enumerate((2, 2, 2, 1))] + [("w2", 0, 2, "ok")] == pages
    assert [(6,)] == rows(tmp_path / RECORD, "SELECT pools FROM polls")


def test_a_refused_key_does_not_affect_other_projects(tmp_path: Path) -> None:
    """With a wrong secret two requests are sent, and all its pools have the cause; other keys are still used."""
    wrong = Credential("default", ACCESS_KEY, "a-wrong-secret-key")
    with Sandbox([StillPool(f"pool-{n}") for n in range(6)], Behaviour(time="requests")) as sandbox:
        refused = project(sandbox.endpoint, *(f"pool-{n}" for n in range(6)))
        other = project(sandbox.endpoint, name="q", credentials="other")
        collect(tmp_path, [refused, other], credentials={"default": wrong, "other": KEYS})
        assert {401: 2, 200: 7} == sandbox.statuses
    take_in(tmp_path)
    outcomes = rows(
        tmp_path / "record.duckdb", "SELECT project, outcome, error_code, count(*) FROM scrapes GROUP BY ALL ORDER BY 1"
    )
    assert [("p", "unauthorized", "APIGW.0301", 6), ("q", "ok", None, 6)] == outcomes


def test_all_documented_spellings_are_read(tmp_path: Path) -> None:
    """With `statics`, counts as strings and omitted statuses the counts are the same; omitted counts are NULL.

    Two projects have pools of the same name, whose rows stay separate.
    """
    other_spellings = Behaviour(key="statics", counts="strings", omit_zeros=True)
    with Sandbox([StillPool("a", queue=3)], other_spellings) as odd, Sandbox([StillPool("a", queue=5)]) as plain:
        second = f'[projects.q]\nproject_id = "{PROJECT_ID}"\nendpoint = "{plain.endpoint}"'
        configure(tmp_path, odd.endpoint, second)
        assert 0 == poolscope(tmp_path, "collect").returncode
    query = 'SELECT project, type, total, "Queue", "Running", "Failed" FROM snapshots ORDER BY ALL'
    expected = [("p", "train", 4, 3, 1, None), ("q", "notebook", 0, 0, 0, 0), ("q", "train", 6, 5, 1, 0)]
    assert expected == rows(tmp_path / RECORD, query)


def test_no_secret_is_stored_or_printed(tmp_path: Path) -> None:
    """Keys and token, echoed in text, JSON and a header, are in no file of the record and no line of output."""
    token = "a-token/of+a-moment==" * 3
    echo = f"canonicalRequest:GET|/v2/|host:h|x-security-token:{token}||{ACCESS_KEY} {SECRET_KEY}"
    error = answer(400, json.dumps({"error_code": SECRET_KEY, "error_msg": echo}).encode(), X_Request_Id=SECRET_KEY)
    escaped = json.dumps({"statistics": {"items": token, token: ACCESS_KEY}}).replace("/", "\\/").encode()
    acts = {"plain": answer(200, echo.encode()), "json": answer(200, escaped)}
    acts["encoded"] = answer(200, b"", Content_Encoding=f"gzip, {token}")
    with Scripted({statistics_path(pool): [act] for pool, act in acts.items()}, error) as server:
        configure(tmp_path, server.endpoint, 'pools = ["plain", "json", "encoded", "refused"]', ONCE)
        done = poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_SECURITY_TOKEN=token)
        assert 1 == done.returncode
        assert all(token in head for head in server.heads)
    outcomes = rows(tmp_path / RECORD, "SELECT pool, outcome, body IS NULL FROM scrapes ORDER BY ALL")
    expected = [("encoded", "wrong_shape", True), ("json", "wrong_shape", False), ("plain", "not_json", False)]
    assert [*expected, ("refused", "bad_request", True)] == outcomes
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    for secret in (token, token.replace("/", "\\/"), "of+a-moment", "a-token", ACCESS_KEY, SECRET_KEY):
        assert secret not in done.stdout + done.stderr
        assert not any(secret.encode() in content for content in files)


def test_failures_of_one_cause_are_one_line(tmp_path: Path) -> None:
    """It has the number of pools, the address and the next step, whether nothing listens or the keys are refused."""
    pools = 'pools = ["a", "b", "c", "d"]'
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, pools, ONCE)
        refused = json.loads(poolscope(tmp_path, "collect", HUAWEICLOUD_SDK_SK="another-key").stderr)
        paused = json.loads(poolscope(tmp_path, "collect").stderr)
    named = f"p: 4 pools (a, b, c, 1 more): {sandbox.endpoint}: "
    assert refused["message"].startswith(f"{named}unauthorized (401 APIGW.0301 Incorrect IAM")
    assert "the credential was refused once: polls use it again after " in paused["message"]
    (tmp_path / "data/spool/refused.json").unlink()
    stopped = json.loads(poolscope(tmp_path, "collect").stderr)
    assert f"{named}refused (ConnectError: All connection attempts failed): run poolscope doctor" == stopped["message"]
    assert (4, 4, "refused") == (refused["pools"], stopped["pools"], stopped["outcome"])


def test_a_wrong_section_that_polls_do_not_need_stops_no_poll(tmp_path: Path) -> None:
    """The poll and the state of the record warn of it and go on; what uses the section refuses it."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, '[mail]\ntls = "nonsense"\n[targets]\nwait = 3\n[flavors]\nx = 0')
        done = poolscope(tmp_path, "collect")
        checked = poolscope(tmp_path, "doctor", "--json")
    problems = ["flavors.x", "targets.wait", "mail.tls"]
    warnings = [json.loads(line) for line in done.stderr.splitlines()]
    assert (0, problems) == (done.returncode, [warning["problem"].partition(":")[0] for warning in warnings])
    assert all(warning["message"].endswith("goes on without the section") for warning in warnings)
    assert [("ok",)] == rows(tmp_path / RECORD, "SELECT outcome FROM scrapes")
    findings = json.loads(checked.stdout)
    errors = [finding["message"] for finding in findings if finding["severity"] == "error"]
    assert problems == [error.partition(":")[0] for error in errors]
    assert "p: statistics" in [finding["what"] for finding in findings]
    shown, refused = poolscope(tmp_path, "status"), poolscope(tmp_path, "pools")
    assert (0, 2) == (shown.returncode, refused.returncode)
    assert "mail.tls" in shown.stderr
    assert "flavors.x" in refused.stderr
