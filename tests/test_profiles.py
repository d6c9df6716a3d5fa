"""The known profiles, the checks of their fields, and profiles from files."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from streamkit.client.endpoint import Endpoint
from streamkit.errors import UsageError
from streamkit.profiles import find_profile, load_profiles
from streamkit.profiles.known import GENERIC, OPENAI, PROFILES
from streamkit.profiles.profile import Profile, ThinkTags
from streamkit.request import Request
from streamkit.wires import WIRES
from streamkit.wires.prepare import prepare

PROVIDERS = (
    "openai anthropic deepseek moonshot zai minimax dashscope mistral xai perplexity gemini gemini-openai "
    "cohere-openai"
)
OPEN_MODELS = "groq cerebras sambanova together fireworks deepinfra nebius nvidia"
CLOUDS = "azure bedrock bedrock-openai vertex vertex-gemini vertex-openai databricks snowflake cloudflare"
ROUTERS = "openrouter litellm huggingface github copilot"
LOCAL = "ollama llamacpp lmstudio vllm sglang tgi litserve jan koboldcpp"
NAMES = f"{PROVIDERS} {OPEN_MODELS} {CLOUDS} {ROUTERS} {LOCAL} generic".split()

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_the_known_profiles() -> None:
    """Each is in the table under its own name, by kind."""
    assert list(PROFILES) == NAMES
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize(
    ("name", "base_url", "key_env"),
    [
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        ("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        ("gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
        ("bedrock", None, "AWS_BEARER_TOKEN_BEDROCK"),
        ("vertex", None, "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ("vertex-gemini", None, "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ("azure", None, "AZURE_OPENAI_API_KEY"),
        ("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        ("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        ("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        ("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        ("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
        ("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
        ("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
        ("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY"),
        ("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
        ("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        ("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
        ("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_TOKEN"),
        ("nebius", "https://api.tokenfactory.nebius.com/v1", "NEBIUS_API_KEY"),
        ("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
        ("github", "https://models.github.ai/inference", "GITHUB_TOKEN"),
        ("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
        ("gemini-openai", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
        ("cohere-openai", "https://api.cohere.ai/compatibility/v1", "CO_API_KEY"),
        ("bedrock-openai", None, "AWS_BEARER_TOKEN_BEDROCK"),
        ("vertex-openai", None, "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ("databricks", None, "DATABRICKS_TOKEN"),
        ("snowflake", None, "SNOWFLAKE_PAT"),
        ("cloudflare", None, "CLOUDFLARE_API_TOKEN"),
        ("copilot", "https://api.githubcopilot.com", "COPILOT_GITHUB_TOKEN"),
    ],
)
def test_a_hosted_gateway_has_the_address_in_its_documentation(
    name: str, base_url: str | None, key_env: str
) -> None:
    """All of them use TLS and need a key."""
    profile = PROFILES[name]
    assert (profile.base_url, profile.key_env, profile.key_required) == (base_url, key_env, True)


@pytest.mark.parametrize("name", [*LOCAL.split(), "litellm"])
def test_a_local_server_is_on_this_machine_and_needs_no_key(name: str) -> None:
    """The address is 127.0.0.1, and a missing key is no error."""
    profile = PROFILES[name]
    assert profile.base_url is not None
    assert profile.base_url.startswith("http://127.0.0.1:")
    assert not (profile.key_env and profile.key_required)


@every_profile
def test_addresses_and_variables_are_well_formed(profile: Profile) -> None:
    """URLs use TLS unless they are on this machine, and variables are in upper case."""
    if profile.base_url is not None:
        url = urlsplit(profile.base_url)
        assert (url.scheme, url.hostname) == ("http", "127.0.0.1") or url.scheme == "https"
        assert url.hostname
        assert url.port != 0
        assert profile.base_url == url._replace(query="", fragment="").geturl().rstrip("/")
        assert "{" not in profile.base_url
    assert profile.base_url or profile.base_url_env or profile is GENERIC
    for variable in (profile.key_env, profile.base_url_env, *profile.env_headers.values()):
        assert variable is None or re.fullmatch(r"[A-Z][A-Z0-9_]+", variable)


@every_profile
def test_paths_and_bodies_are_for_known_apis(profile: Profile) -> None:
    """A path applies to a bare host, so a profile with a path in its address has none."""
    assert set(profile.paths) | set(profile.extra_body) <= set(WIRES)
    for path in profile.paths.values():
        assert path.startswith("/")
        assert set(re.findall(r"\{\w+\}", path)) <= {"{model}", "{project}", "{location}"}
    assert not (profile.paths and profile.base_url and urlsplit(profile.base_url).path)


def test_no_two_profiles_have_one_address() -> None:
    """Except for local servers with the same default port."""
    addresses = Counter(profile.base_url for profile in PROFILES.values() if profile.base_url)
    assert [url for url, count in addresses.items() if count > 1] == ["http://127.0.0.1:8000/v1"]
    assert PROFILES["vllm"].base_url == PROFILES["litserve"].base_url


@every_profile
def test_a_profile_builds_a_request_on_every_api(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own API, too; the URL to post to is complete."""
    for wire in {profile.wire, *WIRES}:
        there = profile.on(wire)
        prepared = prepare(Request(model="m1", input="Hi", params={"temperature": 0.5}), wire, there)
        place = "/v1/projects/p/locations/l" if "{project}" in there.paths.get(wire, "") else ""
        given = None if there.base_url else f"https://host.example{place}"
        address, _ = Endpoint(there, given_url=given).address(prepared)
        path = urlsplit(address).path
        assert prepared.body.get("model") == "m1" or "/models/m1:stream" in path
        endings = ("/chat/completions", "/responses", "/v1/messages", ":streamGenerateContent")
        assert path.endswith((*endings, "/messages", ":streamRawPredict"))


def test_find_profile_accepts_a_name_a_profile_or_none() -> None:
    """The error for an unknown name lists the known ones."""
    mine = Profile("mine")
    assert find_profile("openai") is OPENAI
    assert find_profile(mine) is mine
    assert find_profile(None) is GENERIC
    with pytest.raises(UsageError, match=r"profile: expected a Profile or one of anthropic, .*, got 'opnai'"):
        find_profile("opnai")
    with pytest.raises(UsageError, match=r"profile: expected a Profile or one of anthropic, .*, got 5"):
        find_profile(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "name: expected a non-empty string, got ''"),
        ("base_url", b"https://user:pw@h", "base_url: expected a string or None, got bytes"),
        ("key_env", 5, "key_env: expected a string or None, got 5"),
        ("key_required", "no", "key_required: expected True or False, got 'no'"),
        ("key_header", None, "key_header: expected a string, got None"),
        ("headers", {"Authorization": 5}, "headers: expected a mapping of strings to strings, got dict"),
        ("query", 5, "query: expected a mapping of strings to strings, got int"),
        ("wire", "soap", "wire: expected one of chat, responses, messages, gemini, got 'soap'"),
        ("eof", "ignore", "eof: expected one of raise, accept, infer, got 'ignore'"),
        (
            "think_tags",
            True,
            "think_tags: expected one of off, start, anywhere, or a ThinkTags or its table, got True",
        ),
        ("think_tags", {"mode": "on"}, "think_tags.mode: expected one of start, off, anywhere, got 'on'"),
        (
            "think_tags",
            {"open": "<a>"},
            "think_tags: expected the fields mode, tags, begins_inside, got 'open'",
        ),
        (
            "think_tags",
            {"tags": {"<a>": ""}},
            "think_tags.tags: expected a mapping of opening tags to closing tags, got {'<a>': ''}",
        ),
        (
            "think_tags",
            {"tags": {}},
            "think_tags.tags: expected a mapping of opening tags to closing tags, got {}",
        ),
        (
            "extra_body",
            {"chat": 5},
            "extra_body: expected a mapping of wires to mappings of fields, got {'chat': 5}",
        ),
        (
            "reasoning_models",
            "o[1-9",
            "reasoning_models: expected a regular expression or None, got 'o[1-9'",
        ),
        (
            "default_max_tokens",
            0,
            "default_max_tokens: expected a positive integer or None, got 0",
        ),
        ("json_schema", 1, "json_schema: expected True or False, got 1"),
    ],
)
def test_a_wrong_field_is_a_usage_error(field: str, value: object, message: str) -> None:
    """The error names the field. It contains no header, no address and no query."""
    with pytest.raises(UsageError) as caught:
        attrs.evolve(GENERIC, **{field: value})
    assert str(caught.value) == message


def test_every_field_is_checked() -> None:
    """An object of a class of its own fits none of them."""
    for field in attrs.fields(Profile):
        with pytest.raises(UsageError, match=f"{field.name}: expected "):
            attrs.evolve(GENERIC, **{field.name: object()})


def test_the_tags_of_a_profile() -> None:
    """A mode alone means the well-known tags; a table or a `ThinkTags` names others."""
    assert GENERIC.thought_tags.mode == "off"
    plain = attrs.evolve(GENERIC, think_tags="start").thought_tags
    assert plain == ThinkTags("start")
    assert plain.tags["<think>"] == "</think>"
    ours = {"mode": "anywhere", "tags": {"<plan>": "</plan>"}, "begins_inside": True}
    table = attrs.evolve(GENERIC, think_tags=ours)
    assert table.thought_tags == ThinkTags("anywhere", {"<plan>": "</plan>"}, True)
    assert attrs.evolve(table, name="copy").think_tags == table.think_tags
    assert attrs.asdict(table)["think_tags"] == ours


def test_every_request_body_gets_the_extra_body_of_its_profile() -> None:
    """For its API only, and the caller's own `extra_body` wins."""
    request = Request(model="m1", input="Hi")
    minimax = PROFILES["minimax"]
    assert prepare(request, "chat", minimax).body["reasoning_split"] is True
    assert "reasoning_split" not in prepare(request, "responses", minimax).body
    mine = attrs.evolve(request, extra_body={"reasoning_split": False})
    assert prepare(mine, "chat", minimax).body["reasoning_split"] is False


TABLES = {
    "work": {"extends": "openai", "base_url": "https://gw.example/v1", "key_env": "WORK_KEY"},
    "night": {"extends": "work", "headers": {"X-Shift": "night"}},
    "plain": {"base_url": "http://h/v1", "eof": "accept"},
    "tagged": {"think_tags": {"tags": {"<plan>": "</plan>"}, "begins_inside": True}},
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

[tagged]
think_tags = { tags = { "<plan>" = "</plan>" }, begins_inside = true }
"""


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_profiles_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    """Both formats have the same tables; a profile begins with the fields of the one that it extends."""
    if suffix == "toml" and sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    path = tmp_path / f"gateways.{suffix}"
    path.write_text(TOML if suffix == "toml" else json.dumps(TABLES))
    found = load_profiles(path)
    assert list(found) == ["work", "night", "plain", "tagged"]
    assert found["work"].env_headers == OPENAI.env_headers
    assert (found["night"].key_env, found["night"].headers) == ("WORK_KEY", {"X-Shift": "night"})
    assert found["tagged"].think_tags == ThinkTags("start", {"<plan>": "</plan>"}, True)
    assert (found["plain"].name, found["plain"].eof, found["plain"].key_env) == ("plain", "accept", None)


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        pytest.param(
            {"p": {"bse_url": "x"}},
            "profile 'p': unexpected field 'bse_url'; expected: extends, name, base_url, ",
            id="unknown field",
        ),
        pytest.param(
            {"p": {"wire": "soap"}},
            "profile 'p': wire: expected one of chat, responses, messages, gemini, got 'soap'",
            id="bad choice",
        ),
        pytest.param(
            {"p": {"base_url": 7}}, "profile 'p': base_url: expected a string or None, got int", id="bad type"
        ),
        pytest.param(
            {"p": {"headers": 5}},
            "profile 'p': headers: expected a mapping of strings to strings, got int",
            id="bad headers",
        ),
        pytest.param(
            {"p": {"extends": "q"}},
            "profile 'p': extends: expected a known profile or one before it, got 'q'",
            id="unknown parent",
        ),
        pytest.param(
            {"p": {"extends": ["q"]}},
            "profile 'p': extends: expected a known profile or one before it, got ['q']",
            id="list of parents",
        ),
        pytest.param({"p": 5}, "profile 'p': expected a table of fields, got 5", id="not a table"),
        pytest.param([1], "expected a table for each profile, got list", id="no tables"),
    ],
)
def test_a_wrong_file_is_a_usage_error(tmp_path: Path, tables: object, complaint: str) -> None:
    """The error names the file, the profile and the field."""
    path = tmp_path / "gateways.json"
    path.write_text(json.dumps(tables))
    with pytest.raises(UsageError) as caught:
        load_profiles(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("absent.json", None, "can't read the profiles: No such file"),
        ("broken.json", "{ no = ", "expected JSON, got other text: "),
        ("deep.json", "[" * 100_000, "expected JSON, got other text: "),
        ("broken.toml", "{ no = ", "expected "),  # TOML, or tomli on Python 3.10
    ],
)
def test_a_file_that_cannot_be_read_is_a_usage_error(
    tmp_path: Path, name: str, text: str | None, complaint: str
) -> None:
    """The error names the file, and no foreign exception reaches the caller."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_profiles(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")
