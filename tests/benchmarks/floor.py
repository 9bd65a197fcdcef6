"""A minimal poll, run by poll.py for comparison: it signs, lists, requests, decodes and stores, and nothing else."""

import asyncio
import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx

STATUSES = ("Queue", "Pending", "Abnormal", "Terminating", "Creating", "Running", "Completed", "Terminated", "Failed")
TEXTS = ("project", "pool", "outcome", "error_code", "error_msg", "request_id", "disagreement", "body")
SCRAPES = dict.fromkeys(TEXTS, "VARCHAR")
SCRAPES |= dict.fromkeys(("run", "slot", "started_at", "answered_at"), "TIMESTAMP")
SCRAPES |= dict.fromkeys(("interval_seconds", "http_status", "attempts", "total"), "INTEGER")
SNAPSHOTS = {"project": "VARCHAR", "pool": "VARCHAR", "type": "VARCHAR", "slot": "TIMESTAMP", "total": "INTEGER"}
SNAPSHOTS |= dict.fromkeys(STATUSES, "INTEGER") | {"other_statuses": "MAP(VARCHAR, INTEGER)"}


def signed_headers(host: str, project: str, keys: tuple[str, str], path: str, query: str = "") -> dict[str, str]:
    """Return the signed headers of a request."""
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    text = (
        f"GET\n{path}/\n{query}\nhost:{host}\nx-project-id:{project}\nx-sdk-date:{date}\n\n"
        f"host;x-project-id;x-sdk-date\n{hashlib.sha256(b'').hexdigest()}"
    )
    to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
    signature = hmac.new(keys[1].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    names = "host;x-project-id;x-sdk-date"
    authorization = f"SDK-HMAC-SHA256 Access={keys[0]}, SignedHeaders={names}, Signature={signature}"
    return {"X-Project-Id": project, "X-Sdk-Date": date, "Authorization": authorization}


def now() -> str:
    """Return the current time as naive UTC, as text for the tables."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


async def main(endpoint: str, project: str, key: str, secret: str, workers: int, per_client: int, folder: Path) -> None:
    """Poll every pool once."""
    host, keys = endpoint.removeprefix("http://"), (key, secret)
    slot = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0).isoformat()
    scrapes: list[dict[str, Any]] = []
    snapshots: list[dict[str, Any]] = []
    limits = httpx.Limits(max_connections=per_client, max_keepalive_connections=per_client)
    context = httpx.create_ssl_context()
    clients = [
        httpx.AsyncClient(verify=context, limits=limits, trust_env=False) for _ in range(-(-workers // per_client))
    ]
    path = f"/v2/{project}/pools"
    headers = signed_headers(host, project, keys, path, "status=created")
    listing = await clients[0].get(f"{endpoint}{path}?status=created", headers=headers)
    pools = [item["metadata"]["name"] for item in listing.json()["items"]]

    async def work(client: httpx.AsyncClient) -> None:
        while pools:
            pool = pools.pop()
            path = f"/v2/{project}/statistics/pools/{pool}/workloads"
            started_at = now()
            answer = await client.get(endpoint + path, headers=signed_headers(host, project, keys, path))
            answer.raise_for_status()
            statistics = json.loads(answer.content)["statistics"]
            row = {"run": started_at, "project": "sandbox", "pool": pool, "slot": slot, "interval_seconds": 86400}
            row |= {"outcome": "ok", "http_status": 200, "request_id": answer.headers["x-request-id"], "attempts": 1}
            scrapes.append(row | {"started_at": started_at, "answered_at": now(), "total": statistics["total"]})
            for item in statistics["items"]:
                row = {"project": "sandbox", "pool": pool, "type": item["type"], "slot": slot, "total": item["total"]}
                snapshots.append(row | item["status"])

    await asyncio.gather(*(work(clients[number // per_client]) for number in range(workers)))
    for client in clients:
        await client.aclose()
    store(folder, {"scrapes": (scrapes, SCRAPES), "snapshots": (snapshots, SNAPSHOTS)})


def store(folder: Path, tables: dict[str, tuple[list[dict[str, Any]], dict[str, str]]]) -> None:
    """Store the rows in one transaction."""
    with duckdb.connect(folder / "record.duckdb") as connection:
        connection.begin()
        for table, (rows, columns) in tables.items():
            file = folder / f"{table}.ndjson"
            with file.open("w") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)
            connection.execute(
                f"CREATE TABLE {table} AS FROM read_json(?, columns = {columns}, format = 'newline_delimited')",
                [str(file)],
            )
        connection.commit()


if __name__ == "__main__":
    ENDPOINT, PROJECT, KEY, SECRET, WORKERS, PER_CLIENT, FOLDER = sys.argv[1:]
    asyncio.run(main(ENDPOINT, PROJECT, KEY, SECRET, int(WORKERS), int(PER_CLIENT), Path(FOLDER)))
