"""The configuration: which values are read, which are refused, and the messages."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import collector.commands
from collector.api.credentials import CredentialProfile
from collector.config.reader import read_config
from collector.config.settings import CollectSettings, Config, DatasetSettings, Paths, Project
from collector.context import Context
from collector.errors import ConfigError
from tests.leaks import innocent

EVERYTHING = """
[collect]
interval = "5m"
deadline = "4m"
concurrency = 40
requests_per_second = 150.5
attempts = 2
connect_timeout = "1s"
read_timeout = "2s"
total_timeout = "3s"
discovery_interval = "2h"
proxy = "planner@proxy.example:3128/"
proxy_password_file = "keys/proxy"
ca_file = "ca.pem"
[paths]
database = "record.duckdb"
spool = "/srv/spool"
[dataset]
path = "ds"
every = "30m"
[credentials.files]
access_key_file = "keys/access"
secret_key_file = "keys/secret"
security_token_file = "keys/token"
[credentials.other]
access_key_env = "OTHER_AK"
secret_key_env = "OTHER_SK"
security_token_env = "OTHER_TOKEN"
[credentials.user]
user = "poller"
domain = "account"
password_env = "OTHER_PASSWORD"
password_file = "keys/password"
[projects.main]
project_id = "0a1b2c"
region = "cn-north-4"
workspaces = ["0", "w1"]
pools = ["pool-b", "pool-a", "pool-b"]
include = ["train-*"]
exclude = ["*-test"]
credentials = "files"
[projects.lab]
project_id = "ffff"
endpoint = "http://127.0.0.1:8080/"
iam_endpoint = "http://127.0.0.1:8081"
credentials = "user"
"""
COLLECT = "[collect]\n"
DATASET = "[dataset]\n"
PROJECT = '[projects.main]\nproject_id = "0a1b"\nregion = "cn-north-4"\n'
LAB = "[projects.a]\nproject_id = '1'\n"
Read = Callable[..., tuple[Config, list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads a text as the configuration file, with an environment."""

    def read_text(text: str, **environment: str) -> tuple[Config, list[str]]:
        file = tmp_path / "poolscope.toml"
        file.write_text(text, encoding="utf-8")
        return read_config(file, environment, tmp_path)

    return read_text


def expected_everything(folder: Path) -> Config:
    files = CredentialProfile(
        "files",
        access_key_file=folder / "keys/access",
        secret_key_file=folder / "keys/secret",
        security_token_file=folder / "keys/token",
    )
    minute, second = timedelta(minutes=1), timedelta(seconds=1)
    return Config(
        CollectSettings(
            5 * minute, 4 * minute, 40, 150.5, 2, second, 2 * second, 3 * second, 120 * minute,
            "http://planner@proxy.example:3128", folder / "keys/proxy", folder / "ca.pem",
        ),
        Paths(folder / "record.duckdb", Path("/srv/spool")),
        {
            "default": CredentialProfile("default"),
            "files": files,
            "other": CredentialProfile("other", "OTHER_AK", "OTHER_SK", "OTHER_TOKEN"),
            "user": CredentialProfile(
                "user", user="poller", domain="account", password_env="OTHER_PASSWORD",  # noqa: S106 - a variable's name
                password_file=folder / "keys/password",
            ),
        },
        (
            Project(
                "main", "0a1b2c", "cn-north-4", "https://modelarts.cn-north-4.myhuaweicloud.com", ("0", "w1"),
                ("pool-b", "pool-a"), ("train-*",), ("*-test",), "files", "https://iam.cn-north-4.myhuaweicloud.com",
            ),
            Project(
                "lab", "ffff", None, "http://127.0.0.1:8080", credentials="user", iam_endpoint="http://127.0.0.1:8081"
            ),
        ),
        dataset=DatasetSettings(folder / "ds", 30 * minute),
    )  # fmt: skip


def test_every_value_is_read(read: Read, tmp_path: Path) -> None:
    """A file with every key gives every value; relative paths are relative to the file."""
    assert (expected_everything(tmp_path), []) == read(EVERYTHING)


def test_every_value_can_come_from_the_environment(tmp_path: Path) -> None:
    """The same values in variables, without a file, give the same configuration."""
    environment, section = {}, ""
    for line in EVERYTHING.split("\n"):
        if line.startswith("["):
            section = line.strip("[]").replace(".", "__").upper()
        elif line:
            key, _, value = line.partition(" = ")
            environment[f"POOLSCOPE_{section}__{key.upper()}"] = re.sub(r'["\[\]]', "", value)
    config, problems = read_config(None, environment, tmp_path)
    expected = expected_everything(tmp_path)
    assert [] == problems
    # Variables are read in the order of their names, so the projects are too.
    assert expected == replace(config, projects=config.projects[::-1])


def test_a_password_needs_an_iam_endpoint_or_a_region(read: Read) -> None:
    """A project with an endpoint and no region needs `iam_endpoint`, where its tokens are requested."""
    user = '[credentials.default]\nuser = "u"\ndomain = "d"\n'
    _, problems = read(user + LAB + 'endpoint = "https://modelarts.example.com"')
    assert 1 == len(problems)
    assert problems[0].startswith("projects.a.iam_endpoint: is missing")
    assert [] == read(user + PROJECT)[1]


def test_the_environment_wins(read: Read) -> None:
    """A variable overrides one value of the file; its name has underscores for the hyphens of the project's name."""
    text = PROJECT.replace("main", "My-Project") + "include = ['a']\n[collect]\nattempts = 2\ninterval = '5m'\n"
    config, problems = read(text, POOLSCOPE_COLLECT__INTERVAL="1h", POOLSCOPE_PROJECTS__MY_PROJECT__INCLUDE="b, c")
    assert [] == problems
    assert (timedelta(hours=1), 2) == (config.collect.interval, config.collect.attempts)
    assert [("My-Project", ("b", "c"))] == [(project.name, project.include) for project in config.projects]


@pytest.mark.parametrize("pools", ["", 'pools = "all"\n'])
def test_pools_are_discovered_by_default(read: Read, pools: str) -> None:
    """Without a list of pools, or with "all", pools are discovered."""
    assert read(PROJECT + pools)[0].projects[0].pools is None


def test_a_poll_ends_within_its_interval() -> None:
    """Without a deadline, a poll lasts at most three quarters of the interval."""
    assert timedelta(seconds=45) == CollectSettings().longest_poll
    assert timedelta(seconds=9) == CollectSettings(deadline=timedelta(seconds=9)).longest_poll


def test_the_file_of_init_has_no_unknown_key(read: Read) -> None:
    """With all commented keys active, the file has no problem; most keys of its `[collect]` show the defaults."""
    (template,) = Path(next(iter(collector.commands.__path__))).glob("*.toml")
    text = re.sub(r"(?m)^# (?=\w+ = )", "", template.read_text(encoding="utf-8")).replace("FILL-IN", "cn-north-4")
    config, problems = read(text)
    assert [] == problems
    assert {"deadline", "proxy", "proxy_password_file", "ca_file"} == {
        field.name
        for field in fields(CollectSettings)
        if getattr(config.collect, field.name) != getattr(CollectSettings(), field.name)
    }
    assert timedelta(seconds=45) == config.collect.deadline
    assert ["main"] == [project.name for project in config.projects]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[collect]\nintervall = '5m'", "collect.intervall: unknown key; the nearest known key is 'interval'"),
        (PROJECT + "pool = ['a']", "projects.main.pool: unknown key; the nearest known key is 'pools'"),
        ("[colect]", "colect: unknown key; the nearest known key is 'collect'"),
        ("[credentials.default]\nsecret_key = 'x'", "credentials.default.secret_key: secrets must not be in this file"),
        ("collect = 5", "collect: must be a table, with the heading [collect]"),
        ("[projects]\nregion = 'cn-north-4'", "projects: must be a table, with the heading [projects.NAME]"),
        ("[collect", "poolscope.toml is not valid TOML: "),
        ("[collect]\nattempts = " + "9" * 5000, "poolscope.toml is not valid TOML: "),
        ("[collect]\ninterval = 60", "collect.interval: must be text, and not empty"),
        ("[collect]\ninterval = '7m'", "collect.interval: must be whole seconds that divide a day"),
        ("[collect]\ninterval = '0m'", "collect.interval: must be a duration above zero"),
        ("[collect]\ninterval = '999999999w'", "collect.interval: '999999999w' is not a duration"),
        ("[collect]\ndeadline = '1m'", "collect.deadline: must be shorter than the interval"),
        ("[collect]\nattempts = true", "collect.attempts: must be a whole number from 1 to 20"),
        ("[collect]\nattempts = 2.5", "collect.attempts: must be a whole number from 1 to 20"),
        ("[collect]\nrequests_per_second = nan", "collect.requests_per_second: must be a number of requests"),
        ("[collect]\nrequests_per_second = 1" + "0" * 400, "collect.requests_per_second: must be a number of requests"),
        (COLLECT + "proxy = 'http://me:hush@proxy:3128'", "collect.proxy: must have no password"),
        (COLLECT + "proxy = 'me:hush@proxy:3128'", "collect.proxy: must have no password"),
        (COLLECT + "proxy = 'http://hush:port'", "collect.proxy: must be a valid URL"),
        (COLLECT + "proxy = 'http://hush:0'", "collect.proxy: must be a URL such as"),
        (COLLECT + "proxy = 'socks5://hush:1'", "collect.proxy: must be a URL such as"),
        (COLLECT + "proxy = 'http://hush/path'", "collect.proxy: must be a URL such as"),
        (COLLECT + "proxy = 3128", "collect.proxy: must be a URL such as"),
        (COLLECT + "proxy = 'http://me@proxy:3128'", "collect.proxy_password_file: is missing"),
        (COLLECT + "proxy = 'proxy'\nproxy_password_file = 'p'", "collect.proxy: must have the user of the password"),
        (COLLECT + "proxy_password = 'hush'", "collect.proxy_password: unknown key"),
        ("[paths]\ndatabase = 'a\\u0000b'".replace("'", '"'), "paths.database: must be text, and not empty"),
        ("[paths]\nspool = '~no-such-user/spool'", "paths.spool: "),
        ("[paths]\ndatabase = '/'", "paths.database: must be the path of a file, not /"),
        (PROJECT + "pools = []", 'projects.main.pools: must be "all" or a list of pool ids'),
        (PROJECT + "workspaces = []", "projects.main.workspaces: must be a list of workspace ids"),
        (PROJECT + "include = [1]", "projects.main.include: must be a list of texts"),
        (PROJECT + "credentials = 'x'", "projects.main.credentials: there is no section [credentials.x]"),
        ("[projects.a]\nregion = 'cn-north-4'", "projects.a.project_id: is missing"),
        (LAB, "projects.a.region: is missing"),
        ("[projects.a]\nproject_id = 'a/b'\nregion = 'cn-north-4'", "projects.a.project_id: must be a project id"),
        ("[projects.a]\nproject_id = '1'\nregion = 'evil.com/'", "projects.a.region: must be a region such as"),
        (DATASET + "every = '1h'", "dataset.path: is missing: name the folder to publish to"),
        (DATASET + "path = 'ds'\nevery = '1s'", "dataset.every: must be from 5s to 7d"),
        (DATASET + "path = 'ds'\nevery = '8d'", "dataset.every: must be from 5s to 7d"),
        (DATASET + "path = 'gs://bucket/ds'", "dataset.path: must be a folder or s3://BUCKET/PREFIX, not gs://bucket/ds"),
        (DATASET + "path = 's3:///ds'\nevery = '1h'", "dataset.path: s3:///ds has no bucket: write s3://BUCKET/PREFIX"),
        ("[paths]\ndatabase = 's3://b/x'", "paths.database: must be a path of this machine, not s3://b/x"),
        (DATASET + "path = 'data/spool'", "dataset.path: must be a folder of its own, not that of [paths]"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_reported_with_its_place(read: Read, text: str, message: str) -> None:
    """There is one problem; its message has the place and what is allowed there."""
    (problem,) = read(text)[1]
    assert message in problem
    assert "hush" not in problem


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("none", ""),
        ("", ""),
        ("proxy:3128", "http://proxy:3128"),
        ("https://[fd00::1]:3128/", "https://[fd00::1]:3128"),
    ],
)
def test_a_proxy_is_read_as_a_url(read: Read, text: str, proxy: str) -> None:
    """A proxy without a scheme is reached by http; "none" and an empty text both mean no proxy."""
    config, problems = read(COLLECT + f"proxy = '{text}'")
    assert (proxy, []) == (config.collect.proxy, problems)
    config, problems = read("", POOLSCOPE_COLLECT__PROXY=text)
    assert (proxy, []) == (config.collect.proxy, problems)


@pytest.mark.parametrize("text", ["s3://b/q", "s3://b/q/", "s3://b//q//"])
def test_an_address_in_a_store_has_one_spelling(read: Read, text: str) -> None:
    """The note of the last publishing has it too: another one would be due at every poll."""
    config, problems = read(f"[dataset]\npath = '{text}'")
    assert ("s3://b/q", []) == (config.dataset.path, problems)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("http://modelarts.example.com", "must be an https:// URL"),
        ("http://127.0.0.1.example.com", "must be an https:// URL"),
        ("https://example.com/v2", "must be a URL such as"),
        ("https://me:pw@example.com", "without user and password"),
        ("https://example.com:port", "must be a valid URL"),
        ("https://[::1", "must be a valid URL"),
    ],
)
def test_invalid_endpoints_are_refused(read: Read, endpoint: str, message: str) -> None:
    """Refused: http:// to other machines, paths, users and passwords, and invalid URLs."""
    (problem,) = read(LAB + f"endpoint = '{endpoint}'")[1]
    assert problem.startswith("projects.a.endpoint: ")
    assert message in problem


@pytest.mark.parametrize("endpoint", ["http://localhost:1", "http://127.0.0.1:8080", "http://[::1]:9", "https://a.b"])
def test_plain_http_is_allowed_on_loopback(read: Read, endpoint: str) -> None:
    """An endpoint on this machine's loopback may have http://."""
    config, problems = read(LAB + f"endpoint = '{endpoint}'")
    assert [] == problems
    assert (not endpoint.startswith("https")) == config.projects[0].on_loopback


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("POOLSCOPE_INTERVAL", "POOLSCOPE_INTERVAL: is not a configuration value"),
        ("POOLSCOPE_COLLECT__INTERVALL", "unknown key; the nearest known key is 'interval'"),
        ("POOLSCOPE_CREDENTIALS__DEFAULT__SECRET_KEY", "HUAWEICLOUD_SDK_SK"),
    ],
)
def test_unknown_variables_are_refused(variable: str, message: str) -> None:
    """An unknown variable with our prefix is a problem; the message does not contain its value."""
    problems = read_config(None, {variable: "hush", "POOLSCOPE_CONFIG": "x", "HOME": "x"}, Path())[1]
    assert 1 == len(problems)
    assert message in problems[0]
    assert "hush" not in problems[0]


def test_all_problems_are_in_one_message(tmp_path: Path) -> None:
    """Four problems in the file and the environment give one error with four lines."""
    file = tmp_path / "poolscope.toml"
    file.write_text("[collect]\nattempts = 0\nspeed = 1\n[projects.a]\nregion = 'cn-north-4'\n")
    with pytest.raises(ConfigError) as caught:
        Context({"POOLSCOPE_COLLECT__INTERVAL": "7m"}, config_file=file).config()
    assert 2 == caught.value.exit_code
    expected = ["collect.attempts", "collect.interval", "collect.speed", "projects.a.project_id"]
    assert expected == sorted(re.findall(r"(?m)^  - ([\w.]+)", str(caught.value)))


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """If the named file does not exist, the message says which command writes one."""
    (problem,) = read_config(tmp_path / "none.toml", {}, tmp_path)[1]
    assert "none.toml cannot be read" in problem
    assert "poolscope init" in problem


@settings(deadline=None)
@given(
    st.text().filter(innocent)
    | st.sampled_from(EVERYTHING.split("\n")).flatmap(lambda line: st.permutations(line).map("".join))
)
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Reading any text gives a configuration or problems."""
    file = tmp_path_factory.mktemp("config") / "poolscope.toml"
    file.write_text(text, encoding="utf-8")
    assert isinstance(read_config(file, {}, file.parent), tuple)


def test_targets_are_read_for_all_pools_and_by_pattern(tmp_path: Path) -> None:
    """The targets of all pools come first, then those of each pattern; the environment overrides the file."""
    file = tmp_path / "poolscope.toml"
    all_pools = '"*" = { quantile = "p90" }'
    file.write_text(f'[targets]\nwait = "15m"\n{all_pools}\n[targets."vision*"]\nwait = "1h"\nspare_nodes = 2\n')
    config, problems = read_config(file, {"POOLSCOPE_TARGETS__CURRENCY": "CNY"}, tmp_path)
    assert not [problem for problem in problems if problem.startswith("targets")]
    expected = {"*": {"wait": timedelta(minutes=15), "quantile": "p90", "currency": "CNY"}}
    assert expected | {"vision*": {"wait": timedelta(hours=1), "spare_nodes": 2}} == config.targets
    assert ["*", "vision*"] == list(config.targets)


def test_pools_that_preempt_are_read(tmp_path: Path) -> None:
    """A list of patterns; the environment overrides the file, and another type is a problem that names the key."""
    file = tmp_path / "poolscope.toml"
    file.write_text('[preempting]\npools = ["pool-a*", "urgent"]\n')
    assert ("pool-a*", "urgent") == read_config(file, {}, tmp_path)[0].preempting
    assert ("b", "c") == read_config(file, {"POOLSCOPE_PREEMPTING__POOLS": "b, c"}, tmp_path)[0].preempting
    file.write_text("[preempting]\npools = 3\n")
    assert [True] == [problem.startswith("preempting.pools") for problem in read_config(file, {}, tmp_path)[1]]
