"""The API's answers as JSON values, in the form of the documented examples."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.sandbox.behaviour import REGION, Behaviour
from collector.sandbox.gateway import Refused
from collector.sandbox.jobs import Counts, Pool

Json = dict[str, Any]


def pool_list(pools: Sequence[Pool], query: Mapping[str, str], behaviour: Behaviour) -> Json:
    """Return one page of the pools of a workspace; all pools of the sandbox have the status `created`.

    Raises
    ------
    Refused
        When the continue token is not one of an earlier page.
    """
    workspace = query.get("workspaceId", "0")
    selected = [pool for pool in pools if pool.workspace == workspace]
    if query.get("status", "created") != "created":
        selected = []
    token = query.get("continue")
    if token is not None:
        ids = [pool.id for pool in selected]
        if token not in ids:
            raise Refused(400, "ModelArts.50004000", "Bad request.")
        selected = selected[ids.index(token) :]
    page = selected[: behaviour.page_size]
    metadata = {"continue": selected[len(page)].id} if len(page) < len(selected) else {}
    items = [pool_payload(pool, behaviour) for pool in page]
    return {"kind": "PoolList", "apiVersion": "v2", "metadata": metadata, "items": items}


def pool_payload(pool: Pool, behaviour: Behaviour) -> Json:
    """Return one pool; an unknown flavor or policy is omitted."""
    annotations = {"os.modelarts/description": "", "os.modelarts/billing.mode": "0"}
    if pool.policy is not None:
        annotations["os.modelarts.pool/scheduler.queue.strategy"] = pool.policy
    resources = []
    if pool.flavor is not None:
        resources.append({"flavor": pool.flavor, "count": pool.nodes, "maxCount": pool.nodes})
    # The vendor's client reads one flavor only, and a pool of the sandbox has one at most.
    available = resources if behaviour.node_counts == "list" else dict(*resources)
    scopes = ["Train", "Infer", "Notebook"]
    return {
        "kind": "Pool",
        "apiVersion": "v2",
        "metadata": {
            "name": pool.id,
            "creationTimestamp": f"{pool.created:%Y-%m-%dT%H:%M:%SZ}",
            "labels": {
                "os.modelarts/name": pool.display_name,
                "os.modelarts/workspace.id": pool.workspace,
                "os.modelarts/resource.id": pool.id,
                "os.modelarts/tenant.project.id": behaviour.project_id,
                "os.modelarts/enterprise.project.id": "0",
                "os.modelarts/region": REGION,
                "os.modelarts.pool/biz": "private",
            },
            "annotations": annotations,
        },
        "spec": {"type": "Dedicate", "scope": scopes, "resources": resources},
        "status": {
            "phase": "Running",
            "message": "",
            "scope": [{"scopeType": scope, "state": "Enabled"} for scope in scopes],
            "resources": {"available": available},
        },
    }


def statistics_payload(counts: Counts, behaviour: Behaviour) -> Json:
    """Return the workload statistics of a pool; the outer total is the number of jobs, as in the example."""
    items = []
    total = 0
    for job_type, by_status in counts.items():
        type_total = sum(by_status.values())
        if behaviour.omit_zeros and not type_total:
            continue
        total += type_total
        status: dict[str, int | str] = {
            name: str(count) if behaviour.counts == "strings" else count
            for name, count in by_status.items()
            if count or not behaviour.omit_zeros
        }
        items.append({"type": job_type, "total": type_total, "status": status})
    return {behaviour.key: {"total": total, "items": items}}
