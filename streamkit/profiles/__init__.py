"""Profiles by name, and profiles from TOML or JSON files."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import evolve
from attrs import fields as attrs_fields

from ..errors import UsageError
from .known import GENERIC, PROFILES
from .profile import Profile


def find_profile(profile: str | Profile | None) -> Profile:
    """The profile of that name, the profile itself, or the generic one for None.

    Raises `UsageError` with the known names where there is none of that name.
    """
    if profile is None:
        return GENERIC
    if isinstance(profile, Profile):
        return profile
    try:
        return PROFILES[profile]
    except KeyError:
        known = ", ".join(sorted(PROFILES))
        raise UsageError(f"no profile {profile!r}; known are {known}, or pass a Profile") from None


def load_profiles(path: str | Path) -> dict[str, Profile]:
    """The profiles of a TOML or JSON file, by name: one table each, with the fields of `Profile`.

    `extends = "openai"` begins with that profile's fields in place of the defaults; it may name a profile
    of streamkit or one that stands earlier in the file. Raises `UsageError` that names the file, the
    profile and the field, and where TOML cannot be read (Python 3.10 without tomli).
    """
    path = Path(path)
    found: dict[str, Profile] = {}
    for name, table in _read_tables(path).items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name!r} is no table of profile fields")
        fields = dict(table)
        parent = fields.pop("extends", "generic")
        start = found.get(parent) or PROFILES.get(parent)
        if start is None:
            raise UsageError(f"{path}: profile {name!r} extends {parent!r}, which is neither known nor above")
        unknown = set(fields) - {f.name for f in attrs_fields(Profile)}
        if unknown:
            raise UsageError(f"{path}: profile {name!r} has unknown fields: {', '.join(sorted(unknown))}")
        try:
            found[name] = evolve(start, **{"name": name, **fields})
        except (TypeError, ValueError) as exc:
            raise UsageError(f"{path}: profile {name!r}: {exc.args[0]}") from exc
    return found


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if path.suffix == ".json" else _parse_toml(text)
    except OSError as exc:
        raise UsageError(f"cannot read profiles from {path}: {exc.strerror}") from exc
    except ValueError as exc:  # JSONDecodeError, TOMLDecodeError, UnicodeDecodeError
        if isinstance(exc, UsageError):
            raise
        raise UsageError(f"{path}: {exc}") from exc
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: profiles are one table each, by name")
    return tables


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise UsageError(
            "TOML needs Python 3.11, or pip install tomli; profiles can be JSON as well"
        ) from None
    tables: dict[str, Any] = toml.loads(text)
    return tables
