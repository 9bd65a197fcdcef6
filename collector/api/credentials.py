"""Credential profiles and the secrets behind them: from the environment, or from files only their owner can read."""

import os
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias


@dataclass(frozen=True)
class CredentialProfile:
    """Where to find the parts of one credential; a file wins over the environment variable."""

    name: str
    access_key_env: str = "HUAWEICLOUD_SDK_AK"
    secret_key_env: str = "HUAWEICLOUD_SDK_SK"  # noqa: S105 - the name of a variable, not a secret
    security_token_env: str = "HUAWEICLOUD_SDK_SECURITY_TOKEN"  # noqa: S105 - likewise
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    security_token_file: Path | None = None
    user: str | None = None
    """With a user, the credential is a password, for which IAM issues tokens."""
    domain: str | None = None
    password_env: str = "HUAWEICLOUD_SDK_PASSWORD"  # noqa: S105 - likewise
    password_file: Path | None = None


@dataclass(frozen=True)
class Credential:
    """An access key and a secret key, with a token if they are temporary; a repr shows no secret."""

    profile: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that are removed from every text."""
        return tuple(filter(None, (self.secret_key, self.security_token, self.access_key)))


@dataclass(frozen=True)
class PasswordCredential:
    """A user, an account (IAM calls it domain) and a password; a repr shows no secret."""

    profile: str
    user: str
    domain: str
    password: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that are removed from every text."""
        return (self.password,)


# The rights that nobody may have on a file with a secret: for one's own file, and for a file of root.
OF_OTHERS: Final = 0o077
OF_ROOT: Final = 0o037
WRITE_PASSWORD: Final = "(umask 077; read -rsp 'Password: ' p && echo \"$p\" > proxy-password)"  # noqa: S105 - a command
"""How to write a password into a file that only its owner can read, without showing it."""
AnyCredential: TypeAlias = Credential | PasswordCredential


def resolve(profile: CredentialProfile, environment: Mapping[str, str]) -> tuple[AnyCredential | None, list[str]]:
    """Find a profile's secrets.

    Returns
    -------
    tuple
        The credential, or None if a part is missing or invalid, and the problems, each with how to fix it.
    """
    problems: list[str] = []

    def part(name: str, file: Path | None, variable: str, *, needed: bool) -> str | None:
        if file is not None:
            value, problem = read_owner_only(file)
            if problem:
                problems.append(f"credentials.{profile.name}.{name}_file: {problem}")
                return None
        else:
            value = environment.get(variable, "").strip() or None
            if value is None and needed:
                problems.append(
                    f"credentials.{profile.name}: no {name.replace('_', ' ')}: set the environment variable "
                    f"{variable}, or set credentials.{profile.name}.{name}_file to a file that only you can read"
                )
        odd = value is not None and not (value.isascii() and value.isprintable() and " " not in value)
        if odd and name != "password":
            problems.append(
                f"credentials.{profile.name}: the {name.replace('_', ' ')} contains spaces or odd characters"
            )
            return None
        return value

    if profile.user is not None:
        if profile.domain is None:
            problems.append(f"credentials.{profile.name}.domain: is missing (the account's name)")
        password = part("password", profile.password_file, profile.password_env, needed=True)
        if password is None or profile.domain is None:
            return None, problems
        return PasswordCredential(profile.name, profile.user, profile.domain, password), problems
    access_key = part("access_key", profile.access_key_file, profile.access_key_env, needed=True)
    secret_key = part("secret_key", profile.secret_key_file, profile.secret_key_env, needed=True)
    # A temporary token in the environment belongs to the keys in the environment, not to keys from files.
    keys_from_files = profile.access_key_file is not None and profile.security_token_file is None
    token = None
    if not keys_from_files:
        token = part("security_token", profile.security_token_file, profile.security_token_env, needed=False)
    if access_key is None or secret_key is None or problems:
        return None, problems
    return Credential(profile.name, access_key, secret_key, token), []


def read_owner_only(file: Path) -> tuple[str | None, str | None]:
    """Return the secret in a file that no other user can read, or the problem with the file: one of both is None.

    The rule is that of libpq for private keys: only the owner may read a file of one's own; a group may also read a
    file of root, as containers get their secrets (mode 0440 on a read-only mount).
    """
    try:
        # The open file is checked, not its path, which could be replaced between the check and the read.
        with file.open(encoding="utf-8") as stream:
            if (problem := _exposed(file, stream.fileno())) is not None:
                return None, problem
            text = stream.read(65536).strip()
    except UnicodeDecodeError:
        return None, f"{file} is not a text file: it should contain the secret on one line"
    except PermissionError as error:
        quoted = shlex.quote(str(file))
        return None, (
            f"{file} cannot be read ({error.strerror}): run sudo chown $USER {quoted}; if it is a mounted secret, let "
            "your group read it (mode 0440; in Kubernetes defaultMode: 0440 and fsGroup)"
        )
    except OSError as error:
        return None, f"{file} cannot be read ({error.strerror}): it should contain the secret on one line"
    if not text:
        return None, f"{file} is empty: it should contain the secret on one line"
    return text, None


def _exposed(file: Path, descriptor: int) -> str | None:
    """Return who else can read or change an open file, and how to end that; None where nobody can."""
    status = os.fstat(descriptor)
    mode, of_root, own = stat.S_IMODE(status.st_mode), status.st_uid == 0, status.st_uid == os.geteuid()
    quoted = shlex.quote(str(file))
    copy = f"copy it (install -m 600 {quoted} ~/{shlex.quote(file.name)}) and name the copy"
    if not own and not of_root:
        return f"{file} belongs to another user: {copy}"
    if not mode & (OF_ROOT if of_root else OF_OTHERS):
        return None
    problem = f"{file} can be read by others"
    if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        allowed = "0440" if of_root else "0400"
        return f"{problem}, and its mount is read-only: mount it with mode {allowed}, or {copy}"
    return f"{problem}: run chmod 600 {quoted}" if own else f"{problem}: run sudo chmod 640 {quoted}, or {copy}"
