"""`poolscope pools`: the last description of each pool, the changes, and the cards that [flavors] gives."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import GOOD, configure, poll_slots, poolscope, statistics_path
from tests.scripted import Act, Scripted, answer

LISTING = f"/v2/{PROJECT_ID}/pools"


def listing(*pools: tuple[str, str, int]) -> Act:
    """Answer with pools, each given by id, display name and number of nodes."""
    items: list[dict[str, Any]] = [
        {
            "metadata": {"name": pool, "labels": {"os.modelarts/name": name}},
            "spec": {"resources": [{"flavor": "gpu.8v100", "count": nodes}], "scope": ["Train"]},
            "status": {"phase": "Running", "resources": {"available": [{"flavor": "gpu.8v100", "count": nodes}]}},
        }
        for pool, name, nodes in pools
    ]
    return answer(200, json.dumps({"items": items}).encode())


def test_pools_are_shown_with_their_changes_and_cards(tmp_path: Path) -> None:
    """One pool is renamed and grows, one is deleted: each change is shown once, and the deleted pool is still shown."""
    listings = [listing(("a", "old", 2), ("b", "scratch", 1)), listing(("a", "new", 3))]
    gone = answer(404, b'{"error_code": "ModelArts.50015001"}')
    scripts = {LISTING: listings, statistics_path("b"): [answer(200, GOOD)] * 2 + [gone]}
    with Scripted(scripts, answer(200, GOOD)) as server:
        poll_slots(tmp_path, server.endpoint, 3)
        configure(tmp_path, server.endpoint, '[paths]\ndatabase = "record.duckdb"\nspool = "spool"')
    *_table, renamed, grown, deleted, advice = poolscope(tmp_path, "pools").stdout.splitlines()
    assert renamed.endswith("Z  p a: name old -> new")
    assert grown.endswith("Z  p a: nodes 2 x gpu.8v100 -> 3 x gpu.8v100")
    assert deleted.endswith("Z  p b: was not found by its poll")
    assert "[flavors] for: gpu.8v100" in advice
    config = tmp_path / "poolscope.toml"
    config.write_text(config.read_text() + '[flavors]\n"gpu.8v100" = 4\n')
    done = poolscope(tmp_path, "pools", "--json", POOLSCOPE_FLAVORS__GPU_8V100="8")
    document = json.loads(done.stdout)
    pools = [tuple(pool[key] for key in ("pool", "name", "listed", "phase", "cards")) for pool in document["pools"]]
    assert [("a", "new", True, "Running", 24), ("b", "scratch", False, "Running", 8)] == pools
    changes = [(change["pool"], change["what"], change["before"], change["after"]) for change in document["changes"]]
    nodes = {"flavor": "gpu.8v100", "count": 2, "available": 2, "abnormal": None, "creating": None, "deleting": None}
    assert ("a", "name", "old", "new") == changes[0]
    assert ("a", "nodes", [nodes], [nodes | {"count": 3, "available": 3}]) == changes[1]
    assert [("b", "found", True, False)] == changes[2:]


def test_one_poll_that_does_not_find_a_pool_shows_no_deletion(tmp_path: Path) -> None:
    """What is known is told, with the time of the last listing; the next listing confirms the deletion."""
    start = datetime.now(UTC) - timedelta(minutes=90)
    gone = answer(404, b'{"error_code": "ModelArts.50015001"}')
    scripts = {LISTING: [listing(("a", "A", 1), ("b", "B", 1)), listing(("a", "A", 1))]}
    scripts[statistics_path("b")] = [answer(200, GOOD), gone]
    with Scripted(scripts, answer(200, GOOD)) as server:
        configure(tmp_path, server.endpoint, '[paths]\ndatabase = "record.duckdb"\nspool = "spool"')
        outputs = []
        for slots, begin in ((2, start), (1, start + timedelta(hours=1))):
            poll_slots(tmp_path, server.endpoint, slots, start=begin)
            doctor = json.loads(poolscope(tmp_path, "doctor", "--json").stdout)
            (finding,) = (row for row in doctor if row["what"] == "pools")
            shown = poolscope(tmp_path, "pools").stdout
            outputs.append((poolscope(tmp_path, "status").stderr, finding["severity"], finding["message"], shown))
    (warned, severity, message, shown), later = outputs
    assert "warning" == severity
    for text in (warned, message):
        assert "did not find this pool" in text
        assert "it was deleted and" not in text
    assert " not found " in shown
    assert "b: was not found by its poll" in shown
    assert "ok" == later[1]
    assert "it was deleted" in later[0]
    assert "it was deleted" in later[2]
    assert " gone " in later[3]


def test_a_variable_for_an_unknown_flavor_is_refused(tmp_path: Path) -> None:
    """A variable can only name a flavor of the file, because its name cannot spell every flavor; otherwise exit 2."""
    configure(tmp_path, "http://127.0.0.1:9")
    done = poolscope(tmp_path, "pools", POOLSCOPE_FLAVORS__GPU_8V100="8")
    assert 2 == done.returncode
    assert "POOLSCOPE_FLAVORS__GPU_8V100" in done.stderr


def test_without_discovered_pools_there_is_a_message(tmp_path: Path) -> None:
    """Before the first discovery, the command shows a message, not an empty table."""
    configure(tmp_path, "http://127.0.0.1:9")
    done = poolscope(tmp_path, "pools")
    assert 0 == done.returncode
    assert done.stdout.startswith("No pool has been discovered yet")
