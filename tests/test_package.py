"""The distribution: metadata, dependencies, and the contents of the wheel and the sdist.

If `STREAMKIT_DIST` names a folder with a built wheel and sdist, as .ci/run does, the tests open them.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import tarfile
import zipfile
from configparser import ConfigParser
from email import message_from_string
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

import streamkit

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "streamkit"
DIST = os.environ.get("STREAMKIT_DIST")
NAME = "streamkit-llm"  # `streamkit` on PyPI is an unrelated project
DEPENDENCIES = {"requests", "sseclient-py", "attrs", "cattrs"}

needs_dist = pytest.mark.skipif(not DIST, reason="STREAMKIT_DIST is not set: .ci/run builds and sets it")


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def files() -> set[str]:
    """Return every file of the package, relative to the repository."""
    found = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def requirement(line: str) -> str:
    """Return the name in a requirement."""
    return line.split(";")[0].split(">")[0].split("<")[0].split("=")[0].split("[")[0].strip().lower()


def test_four_dependencies_and_nothing_else(setup: ConfigParser) -> None:
    """The package has four dependencies; any other one belongs to an extra."""
    lines = setup["options"]["install_requires"].split("\n")
    assert {requirement(line) for line in lines if line} == DEPENDENCIES
    assert setup["options"]["python_requires"] == ">=3.10"
    assert (setup["metadata"]["name"], setup["metadata"]["license"]) == (NAME, "MIT")
    assert "Typing :: Typed" in setup["metadata"]["classifiers"]


def test_entry_points_can_be_imported(setup: ConfigParser) -> None:
    """Each registered command and plugin can be imported."""
    for group in setup["options.entry_points"].values():
        for line in filter(None, group.split("\n")):
            module, _, name = line.split("=")[1].strip().partition(":")
            assert not name or callable(getattr(import_module(module), name))


def test_every_file_of_the_package_is_shipped(setup: ConfigParser) -> None:
    """setuptools ships a file if its folder has an `__init__.py` and, unless Python, a pattern fits."""
    patterns = setup["options.package_data"]["streamkit"].split()
    for name in files():
        inside = name.removeprefix("streamkit/")
        assert name.endswith(".py") or any(fnmatch(inside, pattern) for pattern in patterns), name
        assert (ROOT / name).parent.joinpath("__init__.py").exists(), name


@pytest.fixture(scope="module")
def wheel() -> zipfile.ZipFile:
    assert DIST
    (path,) = Path(DIST).glob("*.whl")
    return zipfile.ZipFile(path)


def dist_info() -> str:
    """Return the wheel's folder of metadata; PEP 427 replaces `-` in the name by `_`."""
    return f"{NAME.replace('-', '_')}-{streamkit.__version__}.dist-info"


@needs_dist
def test_the_wheel_contains_only_the_package(wheel: zipfile.ZipFile) -> None:
    """The wheel has all of streamkit/, with py.typed and the demo's recordings, and no tests or fixtures."""
    own = {name for name in wheel.namelist() if not name.startswith(f"{dist_info()}/")}
    assert own == files()
    assert "streamkit/py.typed" in own
    assert any(fnmatch(name, "streamkit/recordings/demo/*.jsonl") for name in own)


@needs_dist
def test_the_wheels_metadata(wheel: zipfile.ZipFile) -> None:
    """The metadata has name, version, licence, dependencies, entry points and the README."""
    info = dist_info()
    metadata = message_from_string(wheel.read(f"{info}/METADATA").decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {requirement(line) for line in required} == DEPENDENCIES
    assert (metadata["Name"], metadata["Version"]) == (NAME, streamkit.__version__)
    assert metadata["Requires-Python"] == ">=3.10"
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in metadata.get_payload()
    assert "streamkit = streamkit.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert any(name.startswith(info) and name.endswith("LICENSE") for name in wheel.namelist())


@needs_dist
def test_the_sdist_builds_the_same_package() -> None:
    """The sdist has the files that the wheel is built from, with licence and README."""
    assert DIST
    (path,) = Path(DIST).glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files() | {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= names


@pytest.mark.skipif(os.name == "nt", reason="needs bash")
@pytest.mark.parametrize("name", ["run", "release"])
def test_the_scripts_are_sound(name: str) -> None:
    """bash reads them, and they can be run."""
    path = ROOT / ".ci" / name
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="needs bash")
@pytest.mark.parametrize(
    ("command", "result"),
    [("true", "ok 0"), ("false", "FAILED 1"), ("exit 3", "FAILED 1"), ("kill -9 $BASHPID", "FAILED 1")],
)
def test_a_step_that_fails_beside_others_fails_the_gate(command: str, result: str, tmp_path: Path) -> None:
    """Whether it returns a status, ends its shell or is killed; what it printed is in the output."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    functions = "\n".join(lines[lines.index("# -- running steps") : lines.index("# -- the steps")])
    script = f"""
        room={tmp_path} summary=() failed=0 names=()
        {functions}
        tested() {{ echo its output; {command}; }}
        for name in a tested b; do
            if [ $name = tested ]; then beside tested tested; else beside $name true; fi
        done
        together
        printf '%s\n' "${{summary[@]}}" "$failed"
    """
    done = subprocess.run(["bash", "-uc", script], capture_output=True, text=True, check=False, timeout=30)
    printed = done.stdout.splitlines()
    assert "its output" in printed
    rows = [row.split() for row in printed[-4:-1]]
    assert sorted(row[-1] for row in rows) == ["a", "b", "tested"]
    states = {row[-1]: row[0] for row in rows}
    assert f"{states['tested']} {printed[-1]}" == result
    assert states["a"] == states["b"] == "ok"


def test_the_changelog_has_a_section_for_this_version() -> None:
    """The release script refuses a version without one; every version has a section of its own."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([\d.]+)\]", text, re.MULTILINE)
    assert versions[0] == streamkit.__version__
    assert len(versions) == len(set(versions))


def test_the_new_import_paths_of_the_changelog_exist() -> None:
    """Its table leads from each module of 0.1.0 to modules and names that can be imported."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = text.split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    rows = [row.split("|")[2] for row in table.splitlines()]
    assert len(rows) > 10
    for row in rows:
        package, module = "", None
        for word in re.findall(r"`([\w.*]+)`", row):
            if "." not in word:
                assert hasattr(module, word), f"{module} has no {word}"
                continue
            path = (package + word if word.startswith(".") else word).removesuffix(".*")
            module = importlib.import_module(path)
            package = path.rpartition(".")[0]
