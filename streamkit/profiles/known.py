"""The known gateways, one `Profile` each."""

from __future__ import annotations

from collections.abc import Mapping

from .profile import Profile

GENERIC = Profile("generic")


OPENAI = Profile(
    "openai",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    base_url_env="OPENAI_BASE_URL",
    env_headers={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
    reasoning_replay="off",
    tool_output_images=False,
)


OPENROUTER = Profile(
    "openrouter",
    base_url="https://openrouter.ai/api/v1",
    key_env="OPENROUTER_API_KEY",
    base_url_env="OPENROUTER_BASE_URL",
    eof="infer",
    usage_accounting=True,
    reasoning_replay="reasoning_details",
    reasoning_param="reasoning",
    reasoning_models=None,
)


AZURE = Profile(
    "azure",  # base_url: the resource, https://NAME.openai.azure.com, or its .../openai/v1
    key_env="AZURE_OPENAI_API_KEY",
    base_url_env="AZURE_OPENAI_ENDPOINT",
    key_header="api-key",
    key_prefix="",
    paths={
        "chat": "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        "responses": "/openai/v1/responses",
    },
    reasoning_replay="off",
    tool_output_images=False,
)


DEEPSEEK = Profile(
    "deepseek",
    base_url="https://api.deepseek.com/v1",
    key_env="DEEPSEEK_API_KEY",
    reasoning_replay="reasoning_content",
    json_schema=False,
    tool_output_images=False,
)


GROQ = Profile(
    "groq", base_url="https://api.groq.com/openai/v1", key_env="GROQ_API_KEY", tool_output_images=False
)


MISTRAL = Profile(
    "mistral",
    base_url="https://api.mistral.ai/v1",
    key_env="MISTRAL_API_KEY",
    include_usage=False,  # Mistral rejects the option, and always sends usage
    reasoning_replay="off",  # it rejects unknown fields
)


XAI = Profile("xai", base_url="https://api.x.ai/v1", key_env="XAI_API_KEY", reasoning_replay="off")


TOGETHER = Profile("together", base_url="https://api.together.xyz/v1", key_env="TOGETHER_API_KEY")


FIREWORKS = Profile(
    "fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_env="FIREWORKS_API_KEY",
    reasoning_replay="reasoning_content",
)


PERPLEXITY = Profile(
    "perplexity", base_url="https://api.perplexity.ai", key_env="PERPLEXITY_API_KEY", reasoning_replay="off"
)


# Local servers. Their address is 127.0.0.1, because localhost can resolve to ::1 first, and these servers
# don't listen on it. Each can be started with a key, and none needs one.
OLLAMA = Profile("ollama", base_url="http://127.0.0.1:11434/v1", base_url_env="OLLAMA_BASE_URL")


LLAMACPP = Profile(
    "llamacpp",
    base_url="http://127.0.0.1:8080/v1",
    key_env="LLAMA_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
)


LMSTUDIO = Profile(
    "lmstudio",
    base_url="http://127.0.0.1:1234/v1",
    key_env="LM_API_TOKEN",
    key_required=False,
    reasoning_replay="reasoning_content",
)


VLLM = Profile("vllm", base_url="http://127.0.0.1:8000/v1", key_env="VLLM_API_KEY", key_required=False)


LITELLM = Profile(
    "litellm",
    base_url="http://127.0.0.1:4000/v1",
    base_url_env="LITELLM_PROXY_API_BASE",
    key_env="LITELLM_PROXY_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
)


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        OPENAI,
        OPENROUTER,
        AZURE,
        DEEPSEEK,
        GROQ,
        MISTRAL,
        XAI,
        TOGETHER,
        FIREWORKS,
        PERPLEXITY,
        OLLAMA,
        LLAMACPP,
        LMSTUDIO,
        VLLM,
        LITELLM,
        GENERIC,
    )
}
