"""The sessions of all projects, made from the configuration: clients, signatures and gates."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from collector.api.auth import Authentication, SignatureAuth, TokenAuth
from collector.api.client import ModelArts
from collector.api.credentials import AnyCredential, Credential, read_owner_only
from collector.api.network import Network, Timeouts, new_clients
from collector.api.tokens import token_file
from collector.clock import Clock
from collector.config.settings import CollectSettings, Project
from collector.errors import ConfigError
from collector.polling.gate import Gate
from collector.polling.requests import Session

if TYPE_CHECKING:
    from collector.polling.requests import Request


@asynccontextmanager
async def open_sessions(
    projects: tuple[Project, ...],
    credentials: Mapping[str, AnyCredential],
    settings: CollectSettings,
    clock: Clock,
    database: Path,
) -> AsyncIterator[list[Session]]:
    """Open the sessions of all projects, and close their connections at the end.

    Parameters
    ----------
    credentials
        By profile, with every profile that a project names.
    database
        The database, beside which tokens are stored.

    Raises
    ------
    ConfigError
        When the proxy, its password or the certificates cannot be used.
    """
    network = _network(settings)
    timeouts = Timeouts(
        settings.connect_timeout.total_seconds(),
        settings.read_timeout.total_seconds(),
        settings.total_timeout.total_seconds(),
    )
    # The gateway locks keys, not profiles: two profiles with the same keys share one gate.
    gates: dict[tuple[str, ...], Gate[Request]] = {_key(credential): Gate() for credential in credentials.values()}
    async with AsyncExitStack() as stack:
        clients = {}
        for loopback in {project.on_loopback for project in projects}:
            clients[loopback] = [
                await stack.enter_async_context(client)
                for client in new_clients(settings.concurrency, timeouts, loopback=loopback, network=network)
            ]
        sessions = []
        for project in projects:
            credential = credentials[project.credentials]
            own = clients[project.on_loopback]
            auth: Authentication
            if isinstance(credential, Credential):
                auth = SignatureAuth(credential, project.project_id, clock)
            else:
                file = token_file(database, credential.profile, project.name)
                auth = TokenAuth(credential, project.project_id, project.iam_endpoint, own[0], clock, file)
            apis = [ModelArts(client, project.endpoint, project.project_id, auth) for client in own]
            sessions.append(Session(project, gates[_key(credential)], apis))
        yield sessions


def _network(settings: CollectSettings) -> Network:
    password = None
    if settings.proxy_password_file is not None:
        password, problem = read_owner_only(settings.proxy_password_file)
        if problem is not None:
            raise ConfigError(f"collect.proxy_password_file: {problem}")
    return Network(settings.proxy, password, settings.ca_file)


def _key(credential: AnyCredential) -> tuple[str, ...]:
    if isinstance(credential, Credential):
        return credential.access_key, credential.secret_key
    return credential.domain, credential.user, credential.password
