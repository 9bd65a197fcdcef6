"""Credentials: where secrets are read from, which files are refused, and that no message shows a secret."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.api.credentials import Credential, CredentialProfile, read_owner_only, resolve

DEFAULT = CredentialProfile("default")
NAMESPACE = ("unshare", "--map-root-user", "--mount")
CODE = "from sys import argv; from pathlib import Path; from collector.api import credentials as c"
READ = shlex.join([sys.executable, "-c", f"{CODE}; print(c.read_owner_only(Path(argv[1])))"])
ENVIRONMENT = {"HUAWEICLOUD_SDK_AK": "AKX", "HUAWEICLOUD_SDK_SK": "SKX"}
KEY = Credential("default", "AKACCESS0001", "SK/secret+key/0001", "TOKEN/part/0001==")


def may_mount() -> bool:
    """Return whether this user can mount a file system in a namespace of its own, which ends with its process."""
    if shutil.which(NAMESPACE[0]) is None:
        return False
    call = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", os.devnull.rpartition("/")[0]]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def secret_file(folder: Path, text: str = "from-file\n", mode: int = 0o600, name: str = "key") -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


def problem_of(file: Path) -> str:
    """Return the problem of a profile whose secret key is in this file."""
    credential, (problem,) = resolve(CredentialProfile("default", secret_key_file=file), ENVIRONMENT)
    assert credential is None
    return problem


def test_the_vendors_variables_are_read() -> None:
    """The variables of the vendor's SDK are read; without a token the keys are permanent keys."""
    assert (Credential("default", "AKX", "SKX"), []) == resolve(DEFAULT, ENVIRONMENT)


def test_a_temporary_token_comes_with_the_keys() -> None:
    """A token in the environment is used with the keys in the environment."""
    environment = ENVIRONMENT | {"HUAWEICLOUD_SDK_SECURITY_TOKEN": " TOKEN \n"}
    assert (Credential("default", "AKX", "SKX", "TOKEN"), []) == resolve(DEFAULT, environment)


def test_a_profile_names_its_own_variables() -> None:
    """A profile can read other variables, for another account."""
    profile = CredentialProfile("other", "A", "B", "C")
    assert (Credential("other", "1", "2", "3"), []) == resolve(profile, ENVIRONMENT | {"A": "1", "B": "2", "C": "3"})


def test_a_message_says_what_is_missing_and_how_to_set_it() -> None:
    """Two missing keys are two problems, each with its variable and its file; a missing token is not a problem."""
    credential, problems = resolve(DEFAULT, {"HUAWEICLOUD_SDK_SK": "  "})
    assert credential is None
    assert 2 == len(problems)
    for name, problem in zip(["AK", "SK"], problems, strict=True):
        assert f"set the environment variable HUAWEICLOUD_SDK_{name}" in problem
    assert "credentials.default.secret_key_file" in problems[1]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_files_that_only_the_owner_can_read_are_read(tmp_path: Path, mode: int) -> None:
    """A file wins over the variable; the newline at its end is not part of the secret."""
    file = secret_file(tmp_path, mode=mode)
    profile = CredentialProfile("default", secret_key_file=file)
    assert (Credential("default", "AKX", "from-file"), []) == resolve(profile, ENVIRONMENT)


def test_a_token_of_the_environment_is_not_for_keys_from_files(tmp_path: Path) -> None:
    """If the access key is in a file, the token is read from a file only."""
    environment = {"HUAWEICLOUD_SDK_SECURITY_TOKEN": "stray"}
    access, secret = secret_file(tmp_path, "A", name="a"), secret_file(tmp_path, "S", name="s")
    files = CredentialProfile("f", access_key_file=access, secret_key_file=secret)
    assert (Credential("f", "A", "S"), []) == resolve(files, environment)
    token = secret_file(tmp_path, "T", name="t")
    files = CredentialProfile("f", access_key_file=access, secret_key_file=secret, security_token_file=token)
    assert (Credential("f", "A", "S", "T"), []) == resolve(files, environment)


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o620, 0o601])
def test_files_with_rights_for_others_are_refused(tmp_path: Path, mode: int) -> None:
    """A file with any right for group or others is refused, and the message contains the command that fixes it."""
    file = secret_file(tmp_path, mode=mode)
    assert f"{file} can be read by others: run chmod 600 {file}" in problem_of(file)


def test_a_group_may_read_a_file_of_root_only(tmp_path: Path) -> None:
    """0640 is right for a file of root, as for libpq; one's own file, and that of another user, are refused."""
    file = secret_file(tmp_path, mode=0o640)
    if os.geteuid() != 0:
        assert f"{file} can be read by others: run chmod 600 {file}" in problem_of(file)
        return
    assert ("from-file", None) == read_owner_only(file)
    os.chown(file, 1, 0)
    assert f"copy it (install -m 600 {file} ~/key) and name the copy" in problem_of(file)


@pytest.mark.skipif(not may_mount(), reason="this user may not mount file systems, not even in a namespace of its own")
def test_secrets_on_a_read_only_mount(tmp_path: Path) -> None:
    """A container's secret of mode 0440 is read; of mode 0444 it is refused, and the command in the message works."""
    script = f"""
        mount -t tmpfs tmpfs mnt && (umask 077; echo 5ecret > mnt/key) && chmod 0440 mnt/key
        mount -o remount,ro mnt && {READ} mnt/key
        mount -o remount,rw mnt && chmod 0444 mnt/key && mount -o remount,ro mnt && {READ} mnt/key > refused
        cat refused; export HOME=.; eval "$(grep -o 'install -m 600 [^)]*' refused)" && {READ} key
    """
    (tmp_path / "mnt").mkdir()
    call = [*NAMESPACE, "sh", "-ec", script]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    read, refused, copied = done.stdout.splitlines()
    assert ("('5ecret', None)", "('5ecret', None)") == (read, copied)
    assert "mnt/key can be read by others, and its mount is read-only: mount it with mode 0440, or copy it" in refused


def test_files_without_a_secret_are_refused(tmp_path: Path) -> None:
    """Missing, a folder, empty, several words, not a text: each is refused with its own message."""
    assert "No such file" in problem_of(tmp_path / "none")
    assert "Is a directory" in problem_of(tmp_path)
    assert "is empty" in problem_of(secret_file(tmp_path, " \n"))
    assert "contains spaces or odd characters" in problem_of(secret_file(tmp_path, "two words"))
    assert "contains spaces or odd characters" in problem_of(secret_file(tmp_path, "one\ntwo"))
    assert "contains spaces or odd characters" in problem_of(secret_file(tmp_path, "ключ"))
    binary = secret_file(tmp_path)
    binary.write_bytes(b"\xff\xfe")
    assert "is not a text file" in problem_of(binary)


@pytest.mark.parametrize("text", ["two words", "nöt-äscii"])
def test_a_message_never_contains_the_secret(text: str) -> None:
    """The message about an invalid secret does not repeat it."""
    credential, (problem,) = resolve(DEFAULT, ENVIRONMENT | {"HUAWEICLOUD_SDK_SK": text})
    assert credential is None
    assert text not in problem


def test_a_repr_shows_no_secret() -> None:
    """Neither repr nor str of a credential contains any of its secrets."""
    shown = f"{KEY!r} {KEY}"
    assert "default" in shown
    assert not [secret for secret in (KEY.access_key, KEY.secret_key, KEY.security_token) if secret and secret in shown]
