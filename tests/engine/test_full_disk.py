"""A disk that is really full: a small file system, filled up, with a whole job process on it."""

import os
import subprocess
import sys

import pytest

from backends.engine import exit_codes


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A file system of one megabyte as LETHE_HOME."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "lethe-test", str(where)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    monkeypatch.setenv("LETHE_HOME", str(where))
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.slow
def test_a_full_disk(small_disk, started):
    run = started(epochs=20)
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "other").write_bytes(bytes(free - 150_000))
    code = subprocess.run([sys.executable, "-m", "backends.engine.job", str(run.path), "1"], timeout=200).returncode
    assert code == exit_codes.FAILED
    assert (run.state.status, run.state.message) == ("failed", exit_codes.FULL_DISK)
    assert not list(run.path.rglob("*.tmp")) and run.result is None
    assert not (run.path / "checkpoint").exists()
