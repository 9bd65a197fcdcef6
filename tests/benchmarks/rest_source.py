"""The same poll by dlt and its REST source, run by poll.py with an interpreter that has dlt: pools, then their counts.

As its documentation puts it together: a parent resource, a dependent one that is asked in parallel, DuckDB behind it.
It keeps the rows of every pool and type and, unlike a poll, neither outcomes nor slots.
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
    """Return what signs a request as the gateway wants it."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = urlsplit(str(request.url))
        date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        names = "host;x-project-id;x-sdk-date"
        text = (
            f"GET\n{url.path}/\n{url.query}\nhost:{url.netloc}\nx-project-id:{project}\nx-sdk-date:{date}\n\n"
            f"{names}\n{hashlib.sha256(b'').hexdigest()}"
        )
        to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
        own = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        told = f"SDK-HMAC-SHA256 Access={key}, SignedHeaders={names}, Signature={own}"
        request.headers.update({"X-Project-Id": project, "X-Sdk-Date": date, "Authorization": told})
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
