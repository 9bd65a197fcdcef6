"""Which secrets are in use while a test runs, and the search for them in all that it leaves behind."""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

import duckdb

from collector.api.credentials import AnyCredential, Credential
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY

# Shorter ones would be found by chance; of long ones each end is searched, for what was cut off too.
SHORTEST, LONGEST = 8, 24
END = 16
SIGNATURE = "[0-9a-f]{64}"
SIGNATURES = re.compile(rb"(?<![0-9a-f])" + SIGNATURE.encode())
AUTHORIZATION = re.compile(r"Access=([^,\s]+),.*Signature=([0-9a-f]{64})")
TOKENS = {"x-auth-token", "x-subject-token", "x-security-token"}
OF_KEYS = re.compile(r"(_AK|_SK|TOKEN|PASSWORD)$")
NO_TEXT = re.compile(r"(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|DOUBLE|FLOAT|BOOLEAN|DATE|TIMESTAMP.*)")
TOKEN_FOLDER = ".tokens"  # noqa: S105 - the end of a folder's name


def innocent(text: str) -> bool:
    """Tell whether a drawn text is none of the sandbox's keys: hypothesis also draws the constants of the code."""
    return ACCESS_KEY not in text and SECRET_KEY not in text


class InUse:
    """The secrets that a test uses, each with a name that may be told, and what it and its commands have said."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._signatures: set[bytes] = set()
        self._said: list[tuple[str, bytes]] = []

    def begin(self) -> None:
        """Forget the test before; the sandbox's pair is always in use."""
        self.__init__()  # type: ignore[misc] # it is as new
        self.use("the sandbox's access key", ACCESS_KEY)
        self.use("the sandbox's secret key", SECRET_KEY)

    def use(self, name: str, secret: str | None) -> None:
        """Take a secret into use."""
        if secret is not None and len(secret) >= SHORTEST:
            self._names.setdefault(secret, name)

    def use_credentials(self, credentials: Iterable[AnyCredential]) -> None:
        """Take keys, tokens and passwords into use."""
        for credential in credentials:
            if isinstance(credential, Credential):
                self.use(f"the access key of {credential.profile}", credential.access_key)
                self.use(f"the secret key of {credential.profile}", credential.secret_key)
                self.use(f"the security token of {credential.profile}", credential.security_token)
            else:
                self.use(f"the password of {credential.profile}", credential.password)

    def use_header(self, name: str, value: str) -> None:
        """Take into use what a header of a request or an answer carries, if it is a secret."""
        if name.lower() in TOKENS:
            self.use(f"an {name.lower()}", value)
        elif signed := AUTHORIZATION.search(value) if name.lower() == "authorization" else None:
            self.use("an access key of a request", signed[1])
            self._signatures.add(signed[2].encode())

    def use_environment(self, given: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Take into use the keys of a command's environment that are not this process's own."""
        for name in given:
            if OF_KEYS.search(name) and given[name] != own.get(name):
                self.use(f"the variable {name}", given[name].strip())

    def say(self, place: str, text: str | bytes | None) -> None:
        """Keep what was written somewhere else than into a file."""
        if text:
            self._said.append((place, text if isinstance(text, bytes) else text.encode(errors="backslashreplace")))

    def leaks(self, folders: Iterable[Path]) -> list[str]:
        """Return where which secret is found that may not be there: in what was said, and in files and their names."""
        found = [f"{name} in {place}" for place, text in self._said for name in self._held(text)]
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                place = path.relative_to(folder.parent)
                found += [f"{name} in the name of {place}" for name in self._held(path.name.encode())]
                if path.is_file():
                    found += [f"{name} in the file {place}" for name in self._left_in(path)]
        return [self._without_secrets(leak) for leak in dict.fromkeys(found)]

    def _left_in(self, file: Path) -> Iterator[str]:
        """Tell the secrets of a file, but for those that it is there to hold, for its owner alone."""
        try:
            content = file.read_bytes()
        except OSError:
            return  # Gone meanwhile, or nobody's to read.
        owners_only = not stat.S_IMODE(file.stat().st_mode) & 0o077
        # Signatures are looked for in texts: in the bytes of a database that would take longer than many a test.
        suspects = texts_of(file, content, self._pattern())
        for name in self._held(content) if suspects is None else {**self._keys_in(content), **self._held(suspects)}:
            is_key_file = content.strip().decode(errors="replace") in self._names
            is_token_file = file.parent.suffix == TOKEN_FOLDER and name in {"an x-auth-token", "an x-subject-token"}
            if not (owners_only and (is_key_file or is_token_file)):
                yield name

    def _held(self, content: bytes) -> dict[str, None]:
        """Return the names of the secrets in a text."""
        held = self._keys_in(content)
        if self._signatures and not self._signatures.isdisjoint(SIGNATURES.findall(content)):
            held["the signature of a request"] = None
        return held

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
    r"""Return what of a secret is searched: all of a short one, each end of a long one; plain, as in JSON, as in URLs.

    >>> ends_of("a/secret")
    (b'a/secret', b'a\\/secret', b'a%2Fsecret')
    """
    ends = (secret,) if len(secret) <= LONGEST else (secret[:END], secret[-END:])
    forms = (form for end in ends for form in (end, end.replace("/", "\\/"), quote(end, safe="")))
    return tuple(form.encode() for form in dict.fromkeys(forms))


def texts_of(file: Path, content: bytes, pattern: str) -> bytes | None:
    """Return the texts like a pattern in a DuckDB database or a Parquet file, which compress them; None for others."""
    is_database = content[8:12] == b"DUCK"
    if not is_database and content[:4] != b"PAR1":
        return None
    quoted = str(file).replace("'", "''")
    texts: list[str] = []
    with reader().cursor() as cursor:
        cursor.execute("SELECT regexp_matches('', $1)", [pattern])  # what is wrong with it is no damage of the file
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
                    like = cursor.execute(f"FROM ({every}) WHERE regexp_matches(text, $1)", [pattern]).fetchall()
                    texts += [text for (text,) in like]
            cursor.execute("DETACH DATABASE IF EXISTS searched")
        except duckdb.Error:
            # Damaged, or held by a test: its bytes are searched all the same. What that did to the reader ends with it.
            reader.cache_clear()
    return "\n".join(texts).encode()


@cache
def reader() -> duckdb.DuckDBPyConnection:
    """Return the one connection that looks into files: to open one for each test would take longer than to search."""
    return duckdb.connect(config={"threads": 1})
