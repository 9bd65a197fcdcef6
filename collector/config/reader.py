"""Reads the configuration: a TOML file, whose values the environment overrides; all problems are reported together."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from collector.api.credentials import CredentialProfile
from collector.config.settings import (
    MAIL_PASSWORD,
    NO_VALUES,
    PREFIX,
    CollectSettings,
    Config,
    DatasetSettings,
    MailSettings,
    Paths,
    Project,
)
from collector.config.values import (
    COLLECT,
    CREDENTIALS,
    DATASET,
    FLAVORS,
    LOOPBACK,
    MAIL,
    NAMED_SECTIONS,
    PATHS,
    PREEMPTING,
    PROJECTS,
    SECTIONS,
    TARGETS,
)

SECRET_KEYS = {"access_key", "secret_key", "security_token", "ak", "sk", "password", "token", "secret"}
PORTS = {"starttls": 587, "tls": 465, "none": 25}  # by the TLS of a mail server


class _Reader:
    """Reads tables of values and collects all problems instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self._folder = folder

    def section(
        self, where: str, table: Mapping[str, object], readers: Mapping[str, Callable[[object], Any]]
    ) -> dict[str, Any]:
        values = {}
        for key, value in table.items():
            if key not in readers:
                self.unknown(where, key, readers)
                continue
            try:
                parsed = readers[key](value)
            except ValueError as error:
                self.problems.append(f"{where}.{key}: {error}")
            else:
                values[key] = self._folder / parsed if isinstance(parsed, Path) else parsed
        return values

    def unknown(self, where: str, key: str, known: Mapping[str, object]) -> None:
        name = f"{where}.{key}".lstrip(".")
        if key.lower() in SECRET_KEYS:
            if known is MAIL:
                self.problems.append(
                    f"{name}: secrets must not be in this file: set the environment variable {MAIL_PASSWORD}, or set "
                    "mail.password_file to a file that only you can read"
                )
                return
            variables = "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"
            if known is DATASET:
                variables = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            self.problems.append(
                f"{name}: secrets must not be in this file: set the environment variables {variables}, "
                "or set access_key_file and secret_key_file to files that only you can read"
            )
            return
        nearest = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)
        hint = f"the nearest known key is {nearest[0]!r}" if nearest else "the file has no keys in this section"
        self.problems.append(f"{name}: unknown key; {hint}")


def read_config(
    file: Path | None, environment: Mapping[str, str], folder: Path, without: Collection[str] = ()
) -> tuple[Config, list[str]]:
    """Read the configuration.

    Parameters
    ----------
    file
        The TOML file; None if there is none and all values come from the environment.
    environment
        A variable ``POOLSCOPE_SECTION__KEY`` or ``POOLSCOPE_PROJECTS__NAME__KEY`` overrides the file's value.
    folder
        The folder for relative paths: that of the file.
    without
        The sections, of `OPTIONAL_SECTIONS`, that are not read: their problems are not reported.

    Returns
    -------
    tuple
        The configuration and its problems, each with its place and how to fix it. Do not use a configuration that has
        problems.
    """
    reader = _Reader(folder)
    tree: dict[str, Any] = {}
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            return Config(), [f"{file} cannot be read ({error.strerror}): poolscope init writes one to start from"]
        except (ValueError, RecursionError) as error:
            # tomllib also raises Python's own errors, for numbers that are too long and nesting that is too deep.
            return Config(), [f"{file} is not valid TOML: {error}"]
    tree = {key: table for key, table in tree.items() if key not in without}
    known = {**SECTIONS, **NAMED_SECTIONS, "flavors": FLAVORS}
    for key, table in list(tree.items()):
        if key not in known:
            reader.unknown("", key, known)
        elif not isinstance(table, dict) or (
            key in NAMED_SECTIONS and not all(isinstance(t, dict) for t in table.values())
        ):
            example = f"[{key}.NAME]" if key in NAMED_SECTIONS else f"[{key}]"
            reader.problems.append(f"{key}: must be a table, with the heading {example}")
            del tree[key]
    _overlay(tree, environment, reader, without)

    settings = CollectSettings(**reader.section("collect", tree.get("collect", {}), COLLECT))
    if settings.deadline is not None and settings.deadline >= settings.interval:
        reader.problems.append("collect.deadline: must be shorter than the interval, so that polls do not overlap")
    has_user = bool(settings.proxy) and "@" in str(settings.proxy)
    if has_user and settings.proxy_password_file is None:
        reader.problems.append("collect.proxy_password_file: is missing: name the file with the password of the proxy")
    if not has_user and settings.proxy_password_file is not None:
        reader.problems.append("collect.proxy: must have the user of the password: write http://USER@HOST:PORT")
    defaults = {"database": str(Paths.database), "spool": str(Paths.spool)}
    paths = Paths(**reader.section("paths", defaults | tree.get("paths", {}), PATHS))
    profiles = {"default": CredentialProfile("default")}
    for name, table in tree.get("credentials", {}).items():
        profiles[name] = CredentialProfile(name, **reader.section(f"credentials.{name}", table, CREDENTIALS))
    projects = [_project(name, table, profiles, reader) for name, table in tree.get("projects", {}).items()]
    flavors = reader.section("flavors", tree.get("flavors", {}), dict.fromkeys(tree.get("flavors", {}), FLAVORS))
    targets = _targets(tree.get("targets", {}), reader)
    dataset = _dataset(tree.get("dataset", {}), paths, reader)
    mail = _mail(tree["mail"], reader) if tree.get("mail") else None
    preempting = reader.section("preempting", tree.get("preempting", {}), PREEMPTING).get("pools", ())
    read = settings, paths, profiles, tuple(projects), flavors, targets, dataset, mail, preempting
    return Config(*read), reader.problems


def _dataset(table: Mapping[str, object], paths: Paths, reader: _Reader) -> DatasetSettings:
    settings = DatasetSettings(**reader.section("dataset", table, DATASET))
    if "path" not in table and "every" in table:
        reader.problems.append("dataset.path: is missing: name the folder to publish to")
    if settings.path in (paths.database, paths.spool):
        reader.problems.append("dataset.path: must be a folder of its own, not that of [paths]")
    if (settings.access_key_file is None) != (settings.secret_key_file is None):
        reader.problems.append("dataset: set both access_key_file and secret_key_file, or neither")
    return settings


def _mail(table: Mapping[str, object], reader: _Reader) -> MailSettings | None:
    """Return the settings of the mail server; None where they have problems."""
    before = len(reader.problems)
    values = reader.section("mail", table, MAIL)
    if len(reader.problems) > before:
        return None
    for key, example in (("host", "smtp.example.com"), ("from", "poolscope@example.com")):
        if key not in values:
            reader.problems.append(f"mail.{key}: is missing: set it, such as {example}")
    tls = values.get("tls", "starttls")
    if tls == "none" and values.get("host", LOOPBACK[0]) not in LOOPBACK:
        reader.problems.append("mail.tls: none is allowed only for a server on this machine: use starttls or tls")
    if "password_file" in values and "user" not in values:
        reader.problems.append("mail.user: is missing: name the user of the password")
    if len(reader.problems) > before:
        return None
    name, address = values.pop("from")
    return MailSettings(sender=address, sender_name=name, **{"port": PORTS[tls], **values})


def _targets(table: Mapping[str, Any], reader: _Reader) -> dict[str, dict[str, Any]]:
    """Return the targets by pattern, those of all pools under ``*``."""
    everywhere = {key: value for key, value in table.items() if not isinstance(value, dict)}
    targets = {"*": reader.section("targets", everywhere, TARGETS)}
    for pattern, values in table.items():
        if isinstance(values, dict):
            targets[pattern] = targets.get(pattern, {}) | reader.section(f'targets."{pattern}"', values, TARGETS)
    return {pattern: values for pattern, values in targets.items() if values}


def _project(
    name: str, table: Mapping[str, object], profiles: Mapping[str, CredentialProfile], reader: _Reader
) -> Project:
    where = f"projects.{name}"
    if not name.strip() or not name.isprintable():
        reader.problems.append(f"projects.{name!r}: the name must not be empty or contain control characters")
    before = len(reader.problems)
    values = reader.section(where, table, PROJECTS)
    if len(reader.problems) == before:
        if "project_id" not in values:
            reader.problems.append(f"{where}.project_id: is missing: the console shows it (My Credentials > Projects)")
        if "region" not in values and "endpoint" not in values:
            reader.problems.append(f"{where}.region: is missing: set it (such as cn-north-4), or set endpoint")
        if values.get("credentials", "default") not in profiles:
            reader.problems.append(f"{where}.credentials: there is no section [credentials.{values['credentials']}]")
    if "region" in values:
        values.setdefault("endpoint", f"https://modelarts.{values['region']}.myhuaweicloud.com")
        values.setdefault("iam_endpoint", f"https://iam.{values['region']}.myhuaweicloud.com")
    profile = profiles.get(values.get("credentials", "default"))
    if profile is not None and profile.user is not None and not values.get("iam_endpoint"):
        reader.problems.append(f"{where}.iam_endpoint: is missing: credentials with a password need it, or a region")
    return Project(name, **values)


def _overlay(tree: dict[str, Any], environment: Mapping[str, str], reader: _Reader, without: Collection[str]) -> None:
    """Override the file's values with those of the environment."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in NO_VALUES:
            continue
        parts = variable.removeprefix(PREFIX).lower().split("__")
        section = parts[0]
        if section in without:
            continue
        known: Mapping[str, object]
        if section in SECTIONS and len(parts) == 2:
            table, key, known = tree.setdefault(section, {}), parts[1], SECTIONS[section]
        elif section == "flavors" and len(parts) == 2:
            table = known = tree.setdefault(section, {})
            key = _names(table).get(parts[1], parts[1])
        elif section in NAMED_SECTIONS and len(parts) == 3:
            tables = tree.setdefault(section, {})
            table, key = tables.setdefault(_names(tables).get(parts[1], parts[1]), {}), parts[2]
            known = NAMED_SECTIONS[section]
        else:
            example = "POOLSCOPE_COLLECT__INTERVAL, POOLSCOPE_PROJECTS__MYPROJECT__REGION or POOLSCOPE_CONFIG"
            reader.problems.append(f"{variable}: is not a configuration value; names look like {example}")
            continue
        if key not in known:
            reader.unknown(variable, key, known)
        else:
            table[key] = environment[variable]


def _names(table: Mapping[str, object]) -> dict[str, str]:
    """Return the file's names by their spelling in a variable, in lower case: my-project is my_project."""
    return {re.sub(r"[^a-z0-9]", "_", name.lower()): name for name in table}
