"""The values of the configuration: a reader for each key, which accepts TOML values and environment variables."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collector.errors import PoolscopeError
from collector.record.durations import parse_duration
from collector.record.places import has_scheme, is_in_store, place_of

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# A publishing costs some tenths of a second, and keeps a copy of the files that it replaces for hours.
SHORTEST_PUBLISHING = 5 * SECOND
LONGEST_PUBLISHING = 7 * DAY
NO_PROXY = "none"
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be text, and not empty")
    return value.strip()


def _texts(value: object) -> tuple[str, ...]:
    # In an environment variable, a list is separated by commas.
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


def _pools(value: object) -> tuple[str, ...] | None:
    if value == "all":
        return None
    pools = _texts(value)
    if not pools:
        raise ValueError('must be "all" or a list of pool ids')
    return tuple(dict.fromkeys(pools))


def _workspaces(value: object) -> tuple[str, ...]:
    workspaces = _texts(value)
    if not workspaces:
        raise ValueError('must be a list of workspace ids, such as ["0"] for the default workspace')
    return tuple(dict.fromkeys(workspaces))


def _duration(value: object) -> timedelta:
    length = parse_duration(_text(value))
    if not length:
        raise ValueError("must be a duration above zero, such as 30s or 5m")
    return length


def _publishing_interval(value: object) -> timedelta:
    length = _duration(value)
    if not SHORTEST_PUBLISHING <= length <= LONGEST_PUBLISHING:
        raise ValueError("must be from 5s to 7d")
    return length


def _interval(value: object) -> timedelta:
    length = _duration(value)
    if length % SECOND or DAY % length:
        raise ValueError("must be whole seconds that divide a day, such as 1m or 5m: every day has the same slots")
    return length


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    """Return a reader of whole numbers from `lowest` to `highest`."""

    def read(value: object) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return value

    return read


def _rate(value: object) -> float:
    try:
        rate = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        rate = 0.0
    if not 0 < rate <= 10_000:
        raise ValueError("must be a number of requests per second, above 0 and at most 10000")
    return rate


def _price(value: object) -> float:
    try:
        price = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        price = 0.0
    if not 0 < price < float("inf"):
        raise ValueError("must be the price of one node for one hour, a number above 0")
    return price


def _quantile(value: object) -> str:
    if value not in ("mean", "p90"):
        raise ValueError("must be mean or p90")
    return str(value)


def _endpoint(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"must be a valid URL ({error})") from None
    if parts.scheme not in ("https", "http") or not host or parts.path or parts.query or parts.fragment:
        raise ValueError("must be a URL such as https://modelarts.cn-north-4.myhuaweicloud.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must be a URL without user and password")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("must be an https:// URL (http:// is allowed only on this machine's loopback)")
    return text


def _proxy(value: object) -> str:
    """Return a proxy's URL, with its user but never a password; an empty text stands for no proxy.

    No message shows the value, which may contain a password.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError('must be a URL such as "http://proxy.example:3128", or "none"')
    text = value.strip().rstrip("/")
    if text.lower() in ("", NO_PROXY):
        return ""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port, password = parts.hostname, parts.port, parts.password
    except ValueError:
        raise ValueError("must be a valid URL such as http://proxy.example:3128, with a port up to 65535") from None
    if password is not None:
        raise ValueError(
            "must have no password, because secrets must not be in this file: write http://USER@HOST:PORT, and the "
            "password into a file that only you can read, named by collect.proxy_password_file"
        )
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.path or parts.query or parts.fragment:
        raise ValueError('must be a URL such as "http://proxy.example:3128" (http or https), or "none"')
    return parts.geturl()


def _matching(pattern: str, description: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value)
        if text == "FILL-IN":
            raise ValueError(f"is not filled in yet: must be {description}")
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"must be {description}")
        return text

    return read


def _path(value: object) -> Path:
    text = _text(value)
    if has_scheme(text):
        raise ValueError(f"must be a path of this machine, not {text}")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"must be a valid path ({error})") from None
    if not path.name:
        raise ValueError(f"must be the path of a file, not {path}")
    return path


def _place(value: object) -> Path | str:
    if is_in_store(text := _text(value)):
        try:
            # One spelling, whatever slashes it has: the note of the last publishing has this one.
            return str(place_of(text))
        except PoolscopeError as error:
            raise ValueError(str(error)) from None
    if has_scheme(text):
        raise ValueError(f"must be a folder or s3://BUCKET/PREFIX, not {text}")
    return _path(text)


def _sender(value: object) -> tuple[str, str]:
    """Return the name, which may be empty, and the address."""
    text = _text(value)
    named = re.fullmatch(r"(.*?)\s*<(.*)>", text)
    name, address = (named[1].strip('"'), named[2]) if named else ("", text)
    if MAIL_ADDRESS.fullmatch(address) is None or not name.isprintable():
        raise ValueError("must be a mail address, such as poolscope@example.com or Poolscope <poolscope@example.com>")
    return name, address


def _host(value: object) -> str:
    text = _text(value)
    # An IPv6 address has several colons, a name none.
    if re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", text) is None:
        raise ValueError("must be the name of a host, such as smtp.example.com, without a port")
    return text


def _tls(value: object) -> str:
    if value not in ("starttls", "tls", "none"):
        raise ValueError("must be starttls, tls or none")
    return str(value)


COLLECT: dict[str, Callable[[object], Any]] = {
    "interval": _interval,
    "discovery_interval": _duration,
    "deadline": _duration,
    "concurrency": whole(1, 256),
    "requests_per_second": _rate,
    "attempts": whole(1, 20),
    "connect_timeout": _duration,
    "read_timeout": _duration,
    "total_timeout": _duration,
    "proxy": _proxy,
    "proxy_password_file": _path,
    "ca_file": _path,
}
PATHS: dict[str, Callable[[object], Any]] = {"database": _path, "spool": _path}
CREDENTIALS: dict[str, Callable[[object], Any]] = {
    "access_key_env": _text,
    "secret_key_env": _text,
    "security_token_env": _text,
    "access_key_file": _path,
    "secret_key_file": _path,
    "security_token_file": _path,
    "user": _text,
    "domain": _text,
    "password_env": _text,
    "password_file": _path,
}
PROJECTS: dict[str, Callable[[object], Any]] = {
    "project_id": _matching(r"[A-Za-z0-9-]{1,64}", "a project id (letters, digits and hyphens)"),
    "region": _matching(r"[a-z]{2,20}(-[a-z0-9]+)+", "a region such as cn-north-4"),
    "endpoint": _endpoint,
    "iam_endpoint": _endpoint,
    "workspaces": _workspaces,
    "pools": _pools,
    "include": _texts,
    "exclude": _texts,
    "credentials": _text,
}
TARGETS: dict[str, Callable[[object], Any]] = {
    "wait": _duration,
    "quantile": _quantile,
    "price_per_node_hour": _price,
    "currency": _text,
    "spare_nodes": whole(0, 100_000),
    "lead_time": _duration,
}
PREEMPTING: dict[str, Callable[[object], Any]] = {"pools": _texts}
DATASET: dict[str, Callable[[object], Any]] = {
    "path": _place,
    "every": _publishing_interval,
    "endpoint": _endpoint,
    "region": _text,
    "access_key_file": _path,
    "secret_key_file": _path,
}
MAIL: dict[str, Callable[[object], Any]] = {
    "host": _host,
    "port": whole(1, 65535),
    "tls": _tls,
    "from": _sender,
    "user": _text,
    "password_file": _path,
    "timeout": _duration,
    "ca_file": _path,
}
FLAVORS = whole(1, 4096)
"""The reader of numbers of cards per node; the keys of the section are names of flavors."""
SECTIONS = {
    "collect": COLLECT,
    "paths": PATHS,
    "dataset": DATASET,
    "targets": TARGETS,
    "preempting": PREEMPTING,
    "mail": MAIL,
}
OPTIONAL_SECTIONS = ("flavors", "mail", "preempting", "targets")
"""The sections that few commands use: no poll and no copy of the record needs one."""
NAMED_SECTIONS = {"credentials": CREDENTIALS, "projects": PROJECTS}
