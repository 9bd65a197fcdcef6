"""The secrets that a test uses, and the search for them in its outputs and files."""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

import duckdb

from collector.api.credentials import AnyCredential, Credential
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY

# In characters. Shorter secrets would be found by chance; of longer ones each end is searched, as they may be cut off.
SHORTEST, LONGEST = 8, 24
END = 16
SIGNATURE = "[0-9a-f]{64}"
SIGNATURES = re.compile(rb"(?<![0-9a-f])" + SIGNATURE.encode())
AUTHORIZATION = re.compile(r"Access=([^,\s]+),.*Signature=([0-9a-f]{64})")
TOKENS = {"x-auth-token", "x-subject-token", "x-security-token"}
KEY_VARIABLES = re.compile(r"(_AK|_SK|_ACCESS_KEY|_ACCESS_KEY_ID|TOKEN|PASSWORD)$")
NO_TEXT = re.compile(r"(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|DOUBLE|FLOAT|BOOLEAN|DATE|TIMESTAMP.*)")
TOKEN_FOLDER = ".tokens"  # noqa: S105 - the end of a folder's name


def innocent(text: str) -> bool:
    """Return whether a drawn text has none of the sandbox's keys: hypothesis also draws the constants of the code."""
    return ACCESS_KEY not in text and SECRET_KEY not in text


class InUse:
    """The secrets that a test uses, each with a name to show in its place, and the outputs of test and commands."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._signatures: set[bytes] = set()
        self._outputs: list[tuple[str, bytes]] = []

    def begin(self) -> None:
        """Forget the test before; the sandbox's keys are always in use."""
        self.__init__()  # type: ignore[misc] # this resets the object
        self.use("the sandbox's access key", ACCESS_KEY)
        self.use("the sandbox's secret key", SECRET_KEY)

    def use(self, name: str, secret: str | None) -> None:
        """Add a secret."""
        if secret is not None and len(secret) >= SHORTEST:
            self._names.setdefault(secret, name)

    def use_credentials(self, credentials: Iterable[AnyCredential]) -> None:
        """Add keys, tokens and passwords."""
        for credential in credentials:
            if isinstance(credential, Credential):
                self.use(f"the access key of {credential.profile}", credential.access_key)
                self.use(f"the secret key of {credential.profile}", credential.secret_key)
                self.use(f"the security token of {credential.profile}", credential.security_token)
            else:
                self.use(f"the password of {credential.profile}", credential.password)

    def use_header(self, name: str, value: str) -> None:
        """Add the secrets in a header of a request or an answer."""
        if name.lower() in TOKENS:
            self.use(f"an {name.lower()}", value)
        elif signed := AUTHORIZATION.search(value) if name.lower() == "authorization" else None:
            self.use("an access key of a request", signed[1])
            self._signatures.add(signed[2].encode())

    def use_environment(self, environment: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Add the keys in a command's environment that are not in this process's own."""
        for name in environment:
            if KEY_VARIABLES.search(name) and environment[name] != own.get(name):
                self.use(f"the variable {name}", environment[name].strip())

    def keep_output(self, place: str, text: str | bytes | None) -> None:
        """Keep an output for the search; files are searched in any case."""
        if text:
            self._outputs.append((place, text if isinstance(text, bytes) else text.encode(errors="backslashreplace")))

    def leaks(self, folders: Iterable[Path]) -> list[str]:
        """Return the leaked secrets and their places: in outputs, in files and in names of files."""
        leaks = [f"{name} in {place}" for place, text in self._outputs for name in self._secrets_in(text)]
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                place = path.relative_to(folder.parent)
                leaks += [f"{name} in the name of {place}" for name in self._secrets_in(path.name.encode())]
                if path.is_file():
                    leaks += [f"{name} in the file {place}" for name in self._leaks_of(path)]
        return [self._without_secrets(leak) for leak in dict.fromkeys(leaks)]

    def _leaks_of(self, file: Path) -> Iterator[str]:
        """Yield the secrets in a file, except a key or token file that only its owner can read."""
        try:
            content = file.read_bytes()
        except OSError:
            return  # Removed meanwhile, or not readable.
        owners_only = not stat.S_IMODE(file.stat().st_mode) & 0o077
        # Signatures are searched in texts only: a search in the bytes of a database would take too long.
        suspects = texts_of(file, content, self._pattern())
        for name in (
            self._secrets_in(content) if suspects is None else {**self._keys_in(content), **self._secrets_in(suspects)}
        ):
            is_key_file = content.strip().decode(errors="replace") in self._names
            is_token_file = file.parent.suffix == TOKEN_FOLDER and name in {"an x-auth-token", "an x-subject-token"}
            if not (owners_only and (is_key_file or is_token_file)):
                yield name

    def _secrets_in(self, content: bytes) -> dict[str, None]:
        """Return the names of the secrets in a text."""
        names = self._keys_in(content)
        if self._signatures and not self._signatures.isdisjoint(SIGNATURES.findall(content)):
            names["the signature of a request"] = None
        return names

    def _keys_in(self, content: bytes) -> dict[str, None]:
        return {name: None for secret, name in self._names.items() if any(end in content for end in ends_of(secret))}

    def _pattern(self) -> str:
        ends = (re.escape(end.decode()) for secret in self._names for end in ends_of(secret))
        return "|".join([SIGNATURE, *ends])

    def _without_secrets(self, text: str) -> str:
        for secret in self._names:
            for end in ends_of(secret):
                text = text.replace(end.decode(), "[...]")
        return text


IN_USE = InUse()


@cache
def ends_of(secret: str) -> tuple[bytes, ...]:
    r"""Return the texts to search for: a short secret or both ends of a long one; plain, and as in JSON and URLs.

    >>> ends_of("a/secret")
    (b'a/secret', b'a\\/secret', b'a%2Fsecret')
    """
    ends = (secret,) if len(secret) <= LONGEST else (secret[:END], secret[-END:])
    forms = (form for end in ends for form in (end, end.replace("/", "\\/"), quote(end, safe="")))
    return tuple(form.encode() for form in dict.fromkeys(forms))


def texts_of(file: Path, content: bytes, pattern: str) -> bytes | None:
    """Return the texts that match a pattern in a DuckDB or Parquet file, where they are compressed; else None."""
    is_database = content[8:12] == b"DUCK"
    if not is_database and content[:4] != b"PAR1":
        return None
    quoted = str(file).replace("'", "''")
    texts: list[str] = []
    with reader().cursor() as cursor:
        cursor.execute("SELECT regexp_matches('', $1)", [pattern])  # an error in the pattern is not damage of the file
        try:
            if is_database:
                cursor.execute(f"ATTACH '{quoted}' AS searched (READ_ONLY)")
                query = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'searched'"
                sources = [f'searched."{schema}"."{name}"' for schema, name in cursor.execute(query).fetchall()]
            else:
                sources = [f"read_parquet('{quoted}')"]
            for source in sources:
                described = cursor.execute(f"FROM {source} LIMIT 0").description or []
                columns = [name for name, kind, *_ in described if not NO_TEXT.fullmatch(str(kind))]
                if columns:
                    listed = ", ".join(f'"{name}"::VARCHAR' for name in columns)
                    every = f"SELECT unnest([{listed}]) AS text FROM {source}"
                    matches = cursor.execute(f"FROM ({every}) WHERE regexp_matches(text, $1)", [pattern]).fetchall()
                    texts += [text for (text,) in matches]
            cursor.execute("DETACH DATABASE IF EXISTS searched")
        except duckdb.Error:
            # Damaged, or opened by a test: its bytes are still searched. The connection may be broken: make a new one.
            reader.cache_clear()
    return "\n".join(texts).encode()


@cache
def reader() -> duckdb.DuckDBPyConnection:
    """Return the connection that searches files: opening one for each test would take longer than the search."""
    return duckdb.connect(config={"threads": 1})
