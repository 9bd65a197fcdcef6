"""A poll with dlt and its REST source, run by poll.py for comparison, with an interpreter that has dlt.

Built as dlt's documentation shows: a parent resource (the pools), a dependent resource in parallel (their counts), and
DuckDB as destination. Unlike a poll of Poolscope, it stores neither outcomes nor slots.
"""

import hashlib
import hmac
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import dlt
import requests
from dlt.sources.rest_api import rest_api_source


def signer(project: str, key: str, secret: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return a function that signs a request for the gateway."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(str(request.url))
        date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        names = "host;x-project-id;x-sdk-date"
        text = (
            f"GET\n{url.path}/\n{url.query}\nhost:{url.netloc}\nx-project-id:{project}\nx-sdk-date:{date}\n\n"
            f"{names}\n{hashlib.sha256(b'').hexdigest()}"
        )
        to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
        signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        authorization = f"SDK-HMAC-SHA256 Access={key}, SignedHeaders={names}, Signature={signature}"
        request.headers.update({"X-Project-Id": project, "X-Sdk-Date": date, "Authorization": authorization})
        return request

    return sign


def main(endpoint: str, project: str, key: str, secret: str, workers: int, folder: Path) -> None:
    """Poll every pool once."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "EXTRACT__WORKERS": str(workers),
    }
    session = requests.Session()
    session.trust_env = False
    session.auth = signer(project, key, secret)
    counts = f"v2/{project}/statistics/pools/{{resources.pools.name}}/workloads"
    source = rest_api_source(
        {
            "client": {"base_url": endpoint, "session": session, "paginator": "single_page"},
            "resources": [
                {
                    "name": "pools",
                    "endpoint": {
                        "path": f"v2/{project}/pools",
                        "params": {"status": "created"},
                        "data_selector": "items[*].metadata",
                    },
                },
                {
                    "name": "snapshots",
                    "endpoint": {"path": counts, "data_selector": "statistics.items"},
                    "include_from_parent": ["name"],
                    "parallelized": True,
                },
            ],
        }
    )
    pipeline = dlt.pipeline(
        "poll",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "record.duckdb")),
        dataset_name="polled",
    )
    pipeline.run(source).raise_on_failed_jobs()


if __name__ == "__main__":
    ENDPOINT, PROJECT, KEY, SECRET, WORKERS, FOLDER = sys.argv[1:]
    main(ENDPOINT, PROJECT, KEY, SECRET, int(WORKERS), Path(FOLDER))
