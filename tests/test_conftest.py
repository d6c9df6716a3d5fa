"""The options of this suite, in runs of pytest inside of pytest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent / "conftest.py"
ONE_OF_EACH = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason="a reason to skip")
def test_is_marked():
    pass

def test_needs_a_package():
    pytest.importorskip("no_such_package", reason="no such package")

@pytest.mark.xfail(strict=True)
def test_fails_as_expected():
    assert False
"""


def run(folder: Path, test_file: str, *options: str, shell: str = "") -> tuple[int, str]:
    """Run pytest on *test_file* with this suite's conftest.py; return its exit status and output.

    *shell* is a line of shell that runs before.
    """
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(test_file, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", *options, str(folder)]
    if shell:
        command = ["sh", "-c", f'{shell}; exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout


def test_skips_are_allowed_by_default(tmp_path: Path) -> None:
    """A machine without an optional package passes the suite."""
    status, output = run(tmp_path, ONE_OF_EACH)
    assert status == 0
    assert "1 passed, 2 skipped, 1 xfailed" in output


def test_no_skips_fails_on_each_skip_with_its_reason(tmp_path: Path) -> None:
    """The gate passes `--no-skips`, so that a missing package can't hide a test."""
    status, output = run(tmp_path, ONE_OF_EACH, "--no-skips")
    assert status == 1
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in output  # a marked test fails in its setup
    assert "--no-skips: Skipped: a reason to skip" in output
    assert "--no-skips: Skipped: no such package" in output


def test_no_skips_fails_on_a_skipped_module(tmp_path: Path) -> None:
    """A module that skips itself while pytest collects it is a failure too."""
    module = 'import pytest\npytest.importorskip("no_such_package", reason="no such package")\n'
    assert run(tmp_path, module)[0] == pytest.ExitCode.NO_TESTS_COLLECTED
    status, output = run(tmp_path, module, "--no-skips")
    assert status == pytest.ExitCode.INTERRUPTED  # errors while collecting
    assert "--no-skips: Skipped: no such package" in output


@pytest.mark.parametrize(("error", "passes"), [("RecursionError", True), ("ValueError", False)])
def test_a_finalizer_at_the_recursion_limit_fails_no_test(tmp_path: Path, error: str, passes: bool) -> None:
    """Its `RecursionError` is about the test that was running, by chance; another exception is a fault."""
    test_file = f"""
class Forgotten:
    def __del__(self):
        raise {error}

def test_leaves_it():
    Forgotten()
"""
    status, output = run(tmp_path, test_file, "-W", "error")
    assert (status == 0) is passes, output


STARTS_A_PROCESS = """
import subprocess, sys

def test_it():
    code = "import signal; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a POSIX shell")
@pytest.mark.parametrize("workers", ["0", "1"])
def test_ctrl_c_works_in_a_background_job(tmp_path: Path, workers: str) -> None:
    """A shell script starts background jobs with SIGINT ignored; processes of the tests get it back."""
    status, output = run(tmp_path, STARTS_A_PROCESS, "-n", workers, shell="trap '' INT")
    assert status == 0, output
