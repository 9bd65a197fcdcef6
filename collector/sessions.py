"""From the configuration to something that can ask: clients, signatures and gates of every project."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from collector.attempts import Gate
from collector.auth import SignatureAuth
from collector.client import ModelArts, Timeouts, new_clients
from collector.clock import Clock
from collector.config import CollectSettings, Project
from collector.credentials import Credential
from collector.poll import Session


@asynccontextmanager
async def open_sessions(
    projects: tuple[Project, ...], credentials: Mapping[str, Credential], settings: CollectSettings, clock: Clock
) -> AsyncIterator[list[Session]]:
    """Open the sessions of all projects; their connections are closed at the end.

    Parameters
    ----------
    credentials
        By profile; every profile that a project names is there.
    """
    timeouts = Timeouts(
        settings.connect_timeout.total_seconds(),
        settings.read_timeout.total_seconds(),
        settings.total_timeout.total_seconds(),
    )
    # The gateway locks keys, not profiles: two profiles with the same keys share one gate.
    keys = {profile: (credential.access_key, credential.secret_key) for profile, credential in credentials.items()}
    gates = {key: Gate() for key in keys.values()}
    async with AsyncExitStack() as stack:
        clients = {}
        for loopback in {project.on_loopback for project in projects}:
            clients[loopback] = [
                await stack.enter_async_context(client)
                for client in new_clients(settings.concurrency, timeouts, loopback=loopback)
            ]
        sessions = []
        for project in projects:
            credential = credentials[project.credentials]
            auth = SignatureAuth(credential, project.project_id, clock)
            apis = [
                ModelArts(client, project.endpoint, project.project_id, auth, credential)
                for client in clients[project.on_loopback]
            ]
            sessions.append(Session(project, gates[keys[project.credentials]], apis))
        yield sessions
