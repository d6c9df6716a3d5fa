"""Gateways as data: the sixteen that are known, and those of a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from streamkit.errors import UsageError
from streamkit.profiles import find_profile, load_profiles
from streamkit.profiles.known import GENERIC, OPENAI, PROFILES
from streamkit.profiles.profile import Profile

NAMES = (
    "openai openrouter azure deepseek groq mistral xai together fireworks perplexity "
    "ollama llamacpp lmstudio vllm litellm generic"
)


def test_the_gateways_that_are_known() -> None:
    """HTTP-26: by the name that each profile gives itself."""
    assert list(PROFILES) == NAMES.split()
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize(
    ("name", "base_url", "key_env"),
    [
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        ("azure", None, "AZURE_OPENAI_API_KEY"),
        ("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        ("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        ("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        ("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        ("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    ],
)
def test_a_hosted_gateway_is_where_it_says(name: str, base_url: str | None, key_env: str) -> None:
    """HTTP-02: as each documents it; all of them over TLS, with a key."""
    profile = PROFILES[name]
    assert (profile.base_url, profile.key_env, profile.key_required) == (base_url, key_env, True)


@pytest.mark.parametrize("name", ["ollama", "llamacpp", "lmstudio", "vllm", "litellm"])
def test_a_local_server_is_on_this_machine_and_needs_no_key(name: str) -> None:
    """HTTP-26."""
    profile = PROFILES[name]
    assert profile.base_url is not None
    assert profile.base_url.startswith("http://127.0.0.1:")
    assert not (profile.key_env and profile.key_required)


def test_find_profile_takes_a_name_a_profile_or_nothing() -> None:
    """A wrong name says what there is."""
    mine = Profile("mine")
    assert find_profile("openai") is OPENAI
    assert find_profile(mine) is mine
    assert find_profile(None) is GENERIC
    with pytest.raises(UsageError, match="no profile 'opnai'; known are azure, "):
        find_profile("opnai")


TABLES = {
    "work": {"extends": "openai", "base_url": "https://gw.example/v1", "key_env": "WORK_KEY"},
    "night": {"extends": "work", "headers": {"X-Shift": "night"}},
    "plain": {"base_url": "http://h/v1", "eof": "accept"},
}
TOML = """
[work]
extends = "openai"
base_url = "https://gw.example/v1"
key_env = "WORK_KEY"

[night]
extends = "work"
headers = { X-Shift = "night" }

[plain]
base_url = "http://h/v1"
eof = "accept"
"""


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_profiles_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    """HTTP-26: JSON and TOML alike; a profile begins with the fields of the one it extends."""
    if suffix == "toml" and sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    path = tmp_path / f"gateways.{suffix}"
    path.write_text(TOML if suffix == "toml" else json.dumps(TABLES))
    found = load_profiles(path)
    assert list(found) == ["work", "night", "plain"]
    assert found["work"].env_headers == OPENAI.env_headers
    assert (found["night"].key_env, found["night"].headers) == ("WORK_KEY", {"X-Shift": "night"})
    assert (found["plain"].name, found["plain"].eof, found["plain"].key_env) == ("plain", "accept", None)


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        pytest.param({"p": {"bse_url": "x"}}, "'p' has unknown fields: bse_url", id="unknown field"),
        pytest.param({"p": {"wire": "soap"}}, "'p'.*wire", id="bad choice"),
        pytest.param({"p": {"base_url": 7}}, "'p'.*base_url", id="bad type"),
        pytest.param({"p": {"headers": {"A": 1}}}, "'p'.*strings", id="bad header"),
        pytest.param({"p": {"headers": 5}}, "'p'", id="no table of headers"),
        pytest.param({"p": {"extends": "q"}}, "extends 'q'", id="unknown parent"),
        pytest.param({"p": 5}, "'p' is no table", id="no table"),
        pytest.param([1], "one table each", id="no tables"),
    ],
)
def test_a_wrong_file_is_told_by_place(tmp_path: Path, tables: object, complaint: str) -> None:
    """The error names the file, the profile and the field."""
    path = tmp_path / "gateways.json"
    path.write_text(json.dumps(tables))
    with pytest.raises(UsageError, match=complaint) as caught:
        load_profiles(path)
    assert "gateways.json" in str(caught.value)


@pytest.mark.parametrize("name", ["absent.json", "broken.json", "broken.toml"])
def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    """P26, for files."""
    if not name.startswith("absent"):
        (tmp_path / name).write_text("{ no = ")
    with pytest.raises(UsageError):
        load_profiles(tmp_path / name)
