"""`poolscope pools`: how each pool was last described, what has changed, and the cards that [flavors] gives it."""

import json
from pathlib import Path
from typing import Any

from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import GOOD, configure, poll_slots, poolscope, statistics_path
from tests.scripted import Act, Scripted, answer

LISTING = f"/v2/{PROJECT_ID}/pools"


def listing(*pools: tuple[str, str, int]) -> Act:
    """Answer with pools of an id, a display name and so many nodes."""
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
    """One is renamed and grows, one goes: each change is told once, a gone pool stays in the list."""
    listings = [listing(("a", "old", 2), ("b", "scratch", 1)), listing(("a", "new", 3))]
    gone = answer(404, b'{"error_code": "ModelArts.50015001"}')
    scripts = {LISTING: listings, statistics_path("b"): [answer(200, GOOD)] * 2 + [gone]}
    with Scripted(scripts, answer(200, GOOD)) as server:
        poll_slots(tmp_path, server.endpoint, 3)
        configure(tmp_path, server.endpoint, '[paths]\ndatabase = "record.duckdb"\nspool = "spool"')
    shown = [json.loads(line) for line in poolscope(tmp_path, "pools").stdout.splitlines()]
    assert {"event": "unknown_flavors", "flavors": ["gpu.8v100"]} == shown[-1]
    assert ["pool", "pool", "pool_changed", "pool_changed", "pool_changed"] == [line["event"] for line in shown[:-1]]
    config = tmp_path / "poolscope.toml"
    config.write_text(config.read_text() + '[flavors]\n"gpu.8v100" = 4\n')
    done = poolscope(tmp_path, "pools", "--json", POOLSCOPE_FLAVORS__GPU_8V100="8")
    told = json.loads(done.stdout)
    described = [tuple(pool[key] for key in ("pool", "name", "listed", "phase", "cards")) for pool in told["pools"]]
    assert [("a", "new", True, "Running", 24), ("b", "scratch", False, "Running", 8)] == described
    changed = [(change["pool"], change["what"], change["before"], change["after"]) for change in told["changes"]]
    nodes = {"flavor": "gpu.8v100", "count": 2, "available": 2, "abnormal": None, "creating": None, "deleting": None}
    assert ("a", "name", "old", "new") == changed[0]
    assert ("a", "nodes", [nodes], [nodes | {"count": 3, "available": 3}]) == changed[1]
    assert [("b", "listed", True, False)] == changed[2:]


def test_a_flavor_that_the_file_lacks_is_an_error_of_the_environment(tmp_path: Path) -> None:
    """A variable's name cannot spell a flavor: it names one of the file's, or it is off, exit 2."""
    configure(tmp_path, "http://127.0.0.1:9")
    done = poolscope(tmp_path, "pools", POOLSCOPE_FLAVORS__GPU_8V100="8")
    assert 2 == done.returncode
    assert "POOLSCOPE_FLAVORS__GPU_8V100" in done.stderr


def test_without_a_listing_pools_says_what_makes_one(tmp_path: Path) -> None:
    """Nothing discovered yet is said as such, not shown as an empty table."""
    configure(tmp_path, "http://127.0.0.1:9")
    done = poolscope(tmp_path, "pools")
    assert (0, "no_pools") == (done.returncode, json.loads(done.stdout)["event"])
