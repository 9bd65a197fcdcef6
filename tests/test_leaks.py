"""The search for leaks finds secrets in every kind of place, never shows them, and allows key and token files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tests

ROOT = Path(next(iter(tests.__path__))).parent
PLANTED = "planted/by-a-test/and-never-to-be-shown"
# Each of these tests passes but leaks one secret; its docstring is the beginning of the report.
LEAKING = f'''
import logging, subprocess, sys
import duckdb
from collector.api.credentials import Credential, PasswordCredential
from collector.sandbox.behaviour import PROJECT_ID, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.leaks import IN_USE
from tests.polling import collect, poolscope, project
from tests.scripted import Scripted, StillPool, answer

PLANTED = "{PLANTED}"
TELL = "import os; print(os.environ['OTHER_SK'])"

def run(*words, **named):
    return subprocess.run([sys.executable, *words], check=True, **named)

def use():
    IN_USE.use("the planted key", PLANTED)

def hidden(file, statement, of):
    "Write compressed texts: the bytes do not contain the secret."
    use()
    with duckdb.connect(of) as made:
        # A file's statistics contain the first and the last text uncompressed.
        texts = "CASE i WHEN 0 THEN 'a' WHEN 1 THEN 'z' ELSE $1 || i END"
        made.execute(f"CREATE TABLE t AS SELECT [{{{{'k': {{texts}}}}}}] AS nested FROM range(9000) r(i)", [PLANTED])
        made.execute(statement)
    assert PLANTED[:16].encode() not in file.read_bytes()

def test_printed():
    "the planted key in the captured stdout call"
    use(); print(PLANTED)

def test_logged():
    "the planted key in the captured log call"
    use(); logging.getLogger("x").warning("with %s", PLANTED)

def test_warned():
    "the planted key in the captured stderr call"
    use(); print(PLANTED, file=sys.stderr)

def test_of_a_command(tmp_path):
    "the variable OTHER_SK in the captured stdout call"
    run("-c", TELL, env={{"OTHER_SK": PLANTED}})

def test_of_a_command_piped():
    "the variable OTHER_SK in the stdout of -c "
    run("-c", TELL, env={{"OTHER_SK": PLANTED}}, capture_output=True)

def test_of_a_command_read_by_line():
    "the variable OTHER_SK in the stdout of -c "
    with subprocess.Popen([sys.executable, "-c", TELL], env={{"OTHER_SK": PLANTED}}, stdout=-1, text=True) as process:
        assert PLANTED == process.stdout.readline().strip()

def test_in_the_process_list():
    "the planted key in the process list"
    use(); run("-c", "pass", PLANTED)

def test_in_a_file(tmp_path):
    "the planted key in the file test_in_a_file0/spool/a.ndjson"
    use(); (tmp_path / "spool").mkdir(); (tmp_path / "spool" / "a.ndjson").write_text("x" + PLANTED)

def test_in_a_folder_of_its_own(tmp_path_factory):
    "the planted key in the file own0/a.csv"
    use(); (tmp_path_factory.mktemp("own") / "a.csv").write_text("x," + PLANTED)

def test_in_the_name_of_a_file(tmp_path):
    "the planted key in the name of test_in_the_name_of_a_file0/"
    use(); (tmp_path / PLANTED.replace("/", "%2F")).touch()

def test_in_a_database(tmp_path):
    "the planted key in the file test_in_a_database0/made.duckdb"
    hidden(tmp_path / "made.duckdb", "CHECKPOINT", tmp_path / "made.duckdb")

def test_in_parquet(tmp_path):
    "the planted key in the file test_in_parquet0/made.parquet"
    file = tmp_path / "made.parquet"
    hidden(file, f"COPY t TO '{{file}}' (COMPRESSION gzip)", ":memory:")

def test_cut_off(tmp_path):
    "the planted key in the captured stdout call"
    use(); print(PLANTED[:20])

def test_escaped(tmp_path):
    "the planted key in the captured stdout call"
    use(); print(PLANTED.replace("/", "\\\\/"))

def test_in_a_key_file_for_all(tmp_path):
    "the planted key in the file test_in_a_key_file_for_all0/key"
    use(); (tmp_path / "key").write_text(PLANTED); (tmp_path / "key").chmod(0o640)

def test_beside_the_token(tmp_path):
    "the planted key in the file test_beside_the_token0/r.tokens/a"
    use(); (tmp_path / "r.tokens").mkdir(); (tmp_path / "r.tokens" / "a").touch(0o600)
    (tmp_path / "r.tokens" / "a").write_text("x" + PLANTED)

def test_the_sandboxes_own():
    "the sandbox's secret key in the captured stdout call"
    print(SECRET_KEY)

def test_a_signature(tmp_path):
    "the signature of a request in the captured stdout call"
    with Scripted({{}}, answer(200, b"{{}}")) as server:
        poolscope(tmp_path, "collect", **configured(tmp_path, server.endpoint))
        print(server.heads[0].partition("Signature=")[2][:64])

def configured(folder, endpoint):
    (folder / "poolscope.toml").write_text(f'[projects.p]\\nproject_id = "{{PROJECT_ID}}"\\nendpoint = "{{endpoint}}"')
    # A slot of a day: at the very end of a slot no pool is asked.
    return {{"POOLSCOPE_COLLECT__ATTEMPTS": "1", "POOLSCOPE_COLLECT__INTERVAL": "1d"}}

def test_a_token_of_the_sandbox(tmp_path):
    "an x-subject-token in the file test_a_token_of_the_sandbox0/copy"
    token_of(tmp_path)
    (tmp_path / "copy").write_bytes(next((tmp_path / "record.duckdb.tokens").iterdir()).read_bytes())

def token_of(folder):
    from dataclasses import replace
    with Sandbox([StillPool("a")]) as sandbox:
        asked = replace(project(sandbox.endpoint, "a"), iam_endpoint=sandbox.endpoint)
        user = PasswordCredential("default", "sandbox", "sandbox", SECRET_KEY)
        collect(folder, [asked], credentials={{"default": user}})

def test_a_credential_of_the_test(tmp_path):
    "the secret key of default in the captured stdout call"
    with Scripted({{}}, answer(200, b"{{}}")) as server:
        keys = Credential("default", "ANOTHERKEY", "another-secret")
        collect(tmp_path, [project(server.endpoint, "a")], credentials={{"default": keys}})
    print("another-secret")

def test_spared(tmp_path):
    use(); token_of(tmp_path); (tmp_path / "key").touch(0o600); (tmp_path / "key").write_text(PLANTED + "\\n")

def test_forgotten():
    print(PLANTED)
'''
EXPECTED = dict(re.findall(r'def (test_\w+)\(.*\):\n    "(.+)"', LEAKING))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the output of pytest for the leaking tests, run in another process with our conftest."""
    folder = tmp_path_factory.mktemp("leaking")
    (folder / "test_leaking.py").write_text(LEAKING)
    call = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)]
    call.append(f"--basetemp={folder}/left")
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("test", EXPECTED)
def test_a_secret_is_found(report: str, test: str) -> None:
    """In each kind of place: the report has the test, the place and the secret's name, and nothing else."""
    leak = re.search(rf"::{test} leaks:\n(.*)\n", report)
    assert leak is not None
    assert leak[1].startswith(EXPECTED[test])


def test_a_file_that_may_have_a_secret_is_no_leak(report: str) -> None:
    """Owner-only files of keys and tokens are not leaks, nor are secrets of the test before."""
    assert f"{len(EXPECTED) + 2} passed, {len(EXPECTED)} errors" in report
    assert "test_spared leaks" not in report
    assert "test_forgotten leaks" not in report


def test_a_secret_is_never_shown(report: str) -> None:
    """The report of a leak has neither the secret nor a part of it."""
    for part in (PLANTED, PLANTED[:16], PLANTED[-16:], "another-secret"):
        assert part not in report
