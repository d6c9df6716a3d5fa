"""What is shipped: metadata, dependencies, and what the wheel and the sdist hold.

Where `STREAMKIT_DIST` names a folder with a built wheel and sdist (the gate does that), they are opened.
"""

from __future__ import annotations

import os
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
DEPENDENCIES = {"requests", "sseclient-py", "attrs", "cattrs"}

needs_dist = pytest.mark.skipif(not DIST, reason="STREAMKIT_DIST is not set: .ci/run builds and sets it")


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def files() -> set[str]:
    """Every file of the package, from the repository's root."""
    found = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def requirement(line: str) -> str:
    """The name in a requirement."""
    return line.split(";")[0].split(">")[0].split("<")[0].split("=")[0].split("[")[0].strip().lower()


def test_four_dependencies_and_nothing_else(setup: ConfigParser) -> None:
    """`pip install streamkit` brings these; everything more is an extra."""
    lines = setup["options"]["install_requires"].split("\n")
    assert {requirement(line) for line in lines if line} == DEPENDENCIES
    assert setup["options"]["python_requires"] == ">=3.10"
    assert setup["metadata"]["license"] == "MIT"
    assert "Typing :: Typed" in setup["metadata"]["classifiers"]


def test_entry_points_lead_somewhere(setup: ConfigParser) -> None:
    """Each command and plugin that is registered can be imported."""
    for group in setup["options.entry_points"].values():
        for line in filter(None, group.split("\n")):
            module, _, name = line.split("=")[1].strip().partition(":")
            assert not name or callable(getattr(import_module(module), name))


def test_every_file_of_the_package_is_shipped(setup: ConfigParser) -> None:
    """A folder without `__init__.py`, or a file that no pattern of package_data fits, would be left out."""
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


@pytest.fixture(scope="module")
def info(setup: ConfigParser) -> str:
    """The folder of the metadata in the wheel; it has the distribution's name, with underscores."""
    return f"{setup['metadata']['name'].replace('-', '_')}-{streamkit.__version__}.dist-info"


@needs_dist
def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile, info: str) -> None:
    """All of streamkit/, py.typed and the demo's streams too; no tests, no fixtures."""
    held = set(wheel.namelist())
    own = {name for name in held if not name.startswith(f"{info}/")}
    assert own == files()
    demo = {f"streamkit/recordings/demo/{wire}.jsonl" for wire in ("chat", "responses")}
    assert {"streamkit/py.typed"} | demo <= own


@needs_dist
def test_the_wheels_metadata(setup: ConfigParser, wheel: zipfile.ZipFile, info: str) -> None:
    """Name, version, licence, dependencies and the README are in the metadata."""
    metadata = message_from_string(wheel.read(f"{info}/METADATA").decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {requirement(line) for line in required} == DEPENDENCIES
    assert (metadata["Name"], metadata["Version"]) == (setup["metadata"]["name"], streamkit.__version__)
    assert metadata["Requires-Python"] == ">=3.10"
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in metadata.get_payload()
    assert "streamkit = streamkit.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert any(name.startswith(info) and name.endswith("LICENSE") for name in wheel.namelist())


@needs_dist
def test_the_sdist_builds_the_same_package() -> None:
    """What the wheel is built from is in the sdist, with licence and README."""
    assert DIST
    (path,) = Path(DIST).glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert files() | {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= held
