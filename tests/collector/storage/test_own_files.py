"""Files are written as new files of their owner, never through a link or into another user's folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record import files, spool
from collector.storage.lock import writing
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.polling import configure, environment, take_in

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
NOBODY = 65534


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """The file that it leads to is unchanged, and the message names the link."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "record.duckdb.lock").symlink_to("precious")
    with pytest.raises(RecordNotWritten, match="is a link"), writing(tmp_path / "record.duckdb"):
        pass
    assert "precious" == (tmp_path / "precious").read_text()


@pytest.mark.parametrize("place", ["target", "beside it"])
def test_no_file_is_written_through_a_link(tmp_path: Path, place: str) -> None:
    """Neither at the target nor at the unfinished file beside it."""
    (tmp_path / "precious").write_text("precious")
    target = tmp_path / "kept"
    (target if place == "target" else files.unfinished(target)).symlink_to("precious")
    files.write(target, b"new")
    assert ("precious", b"new") == ((tmp_path / "precious").read_text(), target.read_bytes())
    assert not target.is_symlink()


@as_root
@pytest.mark.parametrize("words", [("collect",), ("compact",), ("backup", "kept")])
def test_root_writes_nothing_beside_a_users_record(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Exit 4; the message has the owner and the command to use."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/poolscope.duckdb").touch()
    os.chown(tmp_path / "data", NOBODY, NOBODY)
    keys = {"HUAWEICLOUD_SDK_AK": "a", "HUAWEICLOUD_SDK_SK": "s"}
    call = [sys.executable, "-m", "collector", *words]
    done = subprocess.run(call, cwd=tmp_path, env=environment(**keys), capture_output=True, text=True, check=False)
    assert 4 == done.returncode, done.stderr
    assert f"sudo -u '#{NOBODY}'" in done.stderr
    assert ["poolscope.duckdb"] == [path.name for path in (tmp_path / "data").iterdir()]


@as_root
def test_a_user_is_told_how_to_take_over_a_database_of_root() -> None:
    """Exit 5 with a fix; the polls stay in the spool."""
    folder = Path(tempfile.mkdtemp())
    try:
        spool.write(folder / "spool", SLOT, RUN, a_round())
        take_in(folder)
        spool.write(folder / "spool", SLOT, RUN, a_round())
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.chown(folder / "record.duckdb", 0, 0)
        (folder / "record.duckdb").chmod(0o600)
        child = os.fork()
        if not child:
            os.setuid(NOBODY)
            try:
                take_in(folder)
            except RecordUnreadable as refusal:
                os._exit(refusal.exit_code if "chown" in str(refusal) else 99)
            os._exit(98)
        assert 5 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert 1 == len(spool.waiting(folder / "spool"))
    finally:
        files.remove(folder)
