"""Profiles by name, and profiles from TOML or JSON files."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import evolve
from attrs import fields as attrs_fields

from .._checks import PATH, check, got
from ..errors import UsageError
from .known import (
    AZURE,
    DEEPSEEK,
    FIREWORKS,
    GENERIC,
    GROQ,
    LITELLM,
    LLAMACPP,
    LMSTUDIO,
    MISTRAL,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    PERPLEXITY,
    PROFILES,
    TOGETHER,
    VLLM,
    XAI,
)
from .profile import Profile
from .profile import ThinkTags as ThinkTags

__all__ = [
    "AZURE",
    "DEEPSEEK",
    "FIREWORKS",
    "GENERIC",
    "GROQ",
    "LITELLM",
    "LLAMACPP",
    "LMSTUDIO",
    "MISTRAL",
    "OLLAMA",
    "OPENAI",
    "OPENROUTER",
    "PERPLEXITY",
    "PROFILES",
    "TOGETHER",
    "VLLM",
    "XAI",
    "Profile",
    "find_profile",
    "load_profiles",
]


def find_profile(profile: str | Profile | None) -> Profile:
    """Return the profile called *profile*, *profile* itself, or the generic one for None.

    Raises `UsageError` with the known names if there is none of that name.
    """
    if profile is None:
        return GENERIC
    if isinstance(profile, Profile):
        return profile
    found = PROFILES.get(profile) if isinstance(profile, str) else None
    if found is None:
        known = ", ".join(sorted(PROFILES))
        raise UsageError(f"profile: expected a Profile or one of {known}, got {got(profile, 60)}")
    return found


def load_profiles(path: str | Path) -> dict[str, Profile]:
    """Return the profiles of a TOML or JSON file by name: one table each, with the fields of `Profile`.

    A profile begins with the fields of the one that it `extends`: a known profile, or one before it in the
    file. The default is generic. Raises `UsageError` with the file, the profile and the field, and if this
    Python can't read TOML (3.10 without tomli).
    """
    check("path", path, PATH)
    path = Path(path)
    found: dict[str, Profile] = {}
    for name, table in _read_tables(path).items():
        try:
            found[name] = _read_profile(name, table, {**PROFILES, **found})
        except UsageError as exc:
            raise UsageError(f"{path}: profile {name!r}: {exc}") from exc
    return found


def _read_profile(name: str, table: Any, known: dict[str, Profile]) -> Profile:
    if not isinstance(table, dict):
        raise UsageError(f"expected a table of fields, got {got(table, 60)}")
    fields = dict(table)
    parent = fields.pop("extends", GENERIC.name)
    if not isinstance(parent, str) or parent not in known:
        raise UsageError(f"extends: expected a known profile or one before it, got {got(parent, 60)}")
    names = [field.name for field in attrs_fields(Profile)]
    unknown = sorted(set(fields) - set(names))
    if unknown:
        raise UsageError(f"unexpected field {unknown[0]!r}; expected: {', '.join(('extends', *names))}")
    return evolve(known[parent], **{"name": name, **fields})


def _read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a file by name. Raises `UsageError` if it can't be read."""
    is_json = path.suffix == ".json"
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if is_json else _parse_toml(text)
    except OSError as exc:
        raise UsageError(f"{path}: can't read the profiles: {exc.strerror}") from exc
    except ModuleNotFoundError as exc:
        raise UsageError(
            f"{path}: expected Python 3.11 or the package tomli for TOML, got neither; "
            "install tomli, or write the profiles as JSON"
        ) from exc
    except (ValueError, RecursionError) as exc:  # JSONDecodeError, TOMLDecodeError, UnicodeDecodeError
        raise UsageError(f"{path}: expected {'JSON' if is_json else 'TOML'}, got other text: {exc}") from exc
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: expected a table for each profile, got {type(tables).__name__}")
    return tables


def _parse_toml(text: str) -> dict[str, Any]:
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    tables: dict[str, Any] = toml.loads(text)
    return tables
