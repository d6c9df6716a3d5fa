"""The known gateways, one `Profile` each: model providers, clouds, routers, local servers.

Sources: each provider's own documentation, as of the date in a row's comment. If it doesn't describe a
behavior, the row has the value that no gateway refuses: `reasoning_replay` off, images of tools in a user
message, json_object in place of a schema. "Not documented" marks these rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from .profile import Profile, ThinkTags

GENERIC = Profile("generic", audio_data="received")


# -- model providers ---------------------------------------------------------------------

_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_LOGPROBS = ("logprobs", "top_logprobs")
_EVERY_MODEL = ""  # as a pattern
# By what OpenAI's models answer: "Unsupported parameter", "Unrecognized request argument", "incompatible".
_OPENAI_REFUSES = {
    "parallel_tool_calls": r"(.*/)?(ft:)?o[1-9]",
    **dict.fromkeys(("reasoning_effort", "reasoning"), r"(.*[/:])?(gpt-3|gpt-4|chatgpt|gpt-5-chat)"),
    **dict.fromkeys(_SAMPLING, r".*-search-preview"),
}
# "Expected an ID that contains letters, numbers, underscores, or dashes": openai/codex#9360
_OPENAI_ITEM_IDS = r"[A-Za-z0-9_-]{1,64}"
# "Expected an ID that begins with": openai/codex#33176, Wei-Shaw/sub2api#3785, jlcodes99/cockpit-tools#2090
_OPENAI_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fc",
    "custom_tool_call": "ctc",
}

OPENAI = Profile(
    "openai",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    base_url_env="OPENAI_BASE_URL",
    env_headers={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
    reasoning_replay="off",
    tool_output_images=False,
    file_urls=False,  # base64 or an id: simonw/llm#1207
    call_ids=r".{1,40}",  # the 400 names the limit: microsoft/autogen#6377, 2025-04-23
    item_ids=_OPENAI_ITEM_IDS,
    item_id_prefixes=_OPENAI_PREFIXES,
    least_output_tokens=16,
    refused_fields=_OPENAI_REFUSES,
)

ANTHROPIC = Profile(
    "anthropic",
    base_url="https://api.anthropic.com",
    key_env="ANTHROPIC_API_KEY",
    base_url_env="ANTHROPIC_BASE_URL",
    wire="messages",
    key_header="x-api-key",
    key_prefix="",
    sends_betas=True,
    headers={"anthropic-version": "2023-06-01"},
)

BEDROCK = Profile(  # https://bedrock-mantle.REGION.api.aws/anthropic
    "bedrock",
    batch_api="none",  # CreateModelInvocationJob, which reads and writes S3
    base_url_env="BEDROCK_BASE_URL",
    key_env="AWS_BEARER_TOKEN_BEDROCK",
    wire="messages",
    headers={"anthropic-version": "2023-06-01"},
)

VERTEX = Profile(  # the base URL ends in /projects/P/locations/L
    "vertex",
    batch_api="none",  # batchPredictionJobs, which read and write Cloud Storage
    base_url_env="VERTEX_BASE_URL",
    key_env="GOOGLE_OAUTH_ACCESS_TOKEN",
    wire="messages",
    paths={
        "messages": "/v1/projects/{project}/locations/{location}/publishers/anthropic/models/{model}"
        ":streamRawPredict"
    },
    extra_body={"messages": {"anthropic_version": "vertex-2023-10-16"}},
)

DEEPSEEK = Profile(
    "deepseek",
    base_url="https://api.deepseek.com/v1",
    key_env="DEEPSEEK_API_KEY",
    reasoning_replay="reasoning_content",
    json_schema=False,
    tool_output_images=False,
    text_parts=False,  # "invalid type: sequence, expected a string"
    # experientiallabs/experiential#890, tried on 2026-09-10: a 400 without the field; "" is accepted
    reasoning_filler={_EVERY_MODEL: ""},
    refused_fields={
        **dict.fromkeys(_LOGPROBS, r"(.*/)?deepseek-reasoner"),
        "refusal": _EVERY_MODEL,  # "content or tool_calls must be set"
    },
    endpoints={
        "messages": {
            "base_url": "https://api.deepseek.com/anthropic",
            "key_header": "x-api-key",
            "key_prefix": "",
            "unsigned_thinking": True,  # every thought goes back, or the request is refused
            # 2026-11-27, api-docs.deepseek.com/guides: thinking_mode, anthropic_api
            "thinking_budget": False,
            "cache_marks": False,
        }
    },
)

MOONSHOT = Profile(  # 2026-11-26, platform.kimi.ai. In China: https://api.moonshot.cn/v1
    "moonshot",
    base_url="https://api.moonshot.ai/v1",
    key_env="MOONSHOT_API_KEY",
    reasoning_replay="reasoning_content",  # of every message with tool calls, unchanged
    # theopenco/llmgateway#2093, tried on 2026-04-26: "" is "missing in assistant tool call message"
    reasoning_filler={r"(.*/)?(kimi-(k2\.[5-9]|k2-thinking|k[3-9]|for-coding)|k[3-9])": " "},
    tool_output_images=False,  # not documented
    # "invalid temperature: only 1 is allowed for this model"; 0.6 if it doesn't think
    refused_fields=dict.fromkeys(_SAMPLING, r"(.*/)?kimi-k(2\.[5-9]|[3-9])"),
    endpoints={
        "messages": {
            "base_url": "https://api.moonshot.ai/anthropic",
            "unsigned_thinking": True,
            # 2026-11-27, metacpan.org/pod/Langertha::Engine::MoonshotAnthropic: an effort, or a switch
            "thinking_budget": False,
        }
    },
)

# 2026-11-26: the URL and the key's variable are those of ai-sdk.dev/providers/ai-sdk-providers/zai, because
# docs.z.ai couldn't be read. java.agentscope.io/v2/en/integration/model/glm leaves stream_options out.
# In China: https://open.bigmodel.cn/api/paas/v4
ZAI = Profile(
    "zai",
    base_url="https://api.z.ai/api/paas/v4",
    key_env="ZAI_API_KEY",
    include_usage=False,  # the option isn't documented; the last chunk always contains the usage
    reasoning_replay="reasoning_content",  # required between tool calls
    json_schema=False,
    tool_output_images=False,  # not documented
    endpoints={
        "messages": {
            "base_url": "https://api.z.ai/api/anthropic",
            "unsigned_thinking": True,
            "thinking_budget": False,
        }
    },
)

MINIMAX = Profile(  # 2026-11-26, platform.minimax.io. In China: https://api.minimaxi.com/v1
    "minimax",
    base_url="https://api.minimax.io/v1",
    key_env="MINIMAX_API_KEY",
    # Without the option, thoughts are in tags in the text, and the API needs them back there.
    extra_body={"chat": {"reasoning_split": True}},
    think_tags="start",  # some models send the tags anyway, next to the field
    reasoning_replay="reasoning_details",
    json_schema=False,  # not documented for all models
    tool_output_images=False,  # not documented
    endpoints={"messages": {"base_url": "https://api.minimax.io/anthropic", "unsigned_thinking": True}},
)

# 2026-11-26, alibabacloud.com/help/en/model-studio: compatibility-of-openai-with-dashscope, json-mode. The
# pages since June 2026 name a host for each workspace, WORKSPACE.ap-southeast-1.maas.aliyuncs.com; this one
# is that of March 2026. In China: https://dashscope.aliyuncs.com/compatible-mode/v1. Keys are of one region.
DASHSCOPE = Profile(
    "dashscope",
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    key_env="DASHSCOPE_API_KEY",
    reasoning_replay="reasoning_content",
    json_schema=False,  # the page lists the models that accept a schema; json_object works on more
    tool_output_images=False,  # not documented
    audio_data="url",  # the page on Qwen-Omni: data:;base64,...
)

MISTRAL = Profile(
    "mistral",
    batch_api="mistral",
    base_url="https://api.mistral.ai/v1",
    key_env="MISTRAL_API_KEY",
    include_usage=False,  # Mistral rejects the option, and always sends usage
    reasoning_replay="off",  # it rejects unknown fields
    call_ids=r"[a-zA-Z0-9]{9}",  # the 400 names the form: langchain-ai/langchain#24668, 2024-07-25
    # "Unexpected role 'user' after role 'tool'", also of a fine-tuned model; ministral-3b accepts it.
    answered_models=r"(?!ministral)",
    field_names={"seed": "random_seed", "max_completion_tokens": "max_tokens"},
    refused_fields=dict.fromkeys(  # "Extra inputs are not permitted"
        (
            *(*_LOGPROBS, "logit_bias", "top_k", "min_p", "top_a", "repetition_penalty"),
            *("user", "safety_identifier", "store", "service_tier", "verbosity", "refusal"),
        ),
        _EVERY_MODEL,
    ),
)

_GROK_REASONS = r"(.*/)?grok-(3-mini|[4-9]|code)(?!.*non-reasoning)"
# By what api.x.ai answered each model on 2026-05-10, as users report.
_GROK_NO_EFFORT = r"(.*/)?grok-(2|3(?!-mini)|4(?![.\d])|4\.1|4\.20(?!-multi-agent)|code)"
_XAI_REFUSES = {
    **dict.fromkeys(("stop", "presence_penalty", "frequency_penalty"), _GROK_REASONS),
    **dict.fromkeys(("reasoning_effort", "reasoning"), _GROK_NO_EFFORT),
}
XAI = Profile(
    "xai",
    base_url="https://api.x.ai/v1",
    key_env="XAI_API_KEY",
    reasoning_replay="off",
    refused_fields=_XAI_REFUSES,
    # "Argument not supported: metadata", 2026-09: router-for-me/CLIProxyAPI#5648
    endpoints={"responses": {"refused_fields": {**_XAI_REFUSES, "metadata": _EVERY_MODEL}}},
)

PERPLEXITY = Profile(
    "perplexity",
    base_url="https://api.perplexity.ai",
    key_env="PERPLEXITY_API_KEY",
    reasoning_replay="off",
    alternating_models=_EVERY_MODEL,  # the 400: "should alternate with assistant message(s)"
)

GEMINI = Profile(  # 2026-11-26, ai.google.dev/api
    "gemini",
    base_url="https://generativelanguage.googleapis.com",
    key_env="GEMINI_API_KEY",
    wire="gemini",
    marks_server_tools=True,
    key_header="x-goog-api-key",
    key_prefix="",
)

VERTEX_GEMINI = Profile(  # 2026-11-26; the base URL ends in /projects/P/locations/L
    "vertex-gemini",
    batch_api="none",  # batchPredictionJobs, which read and write Cloud Storage
    base_url_env="VERTEX_GEMINI_BASE_URL",
    key_env="GOOGLE_OAUTH_ACCESS_TOKEN",
    wire="gemini",
    paths={
        "gemini": "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}"
        ":streamGenerateContent?alt=sse"
    },
)

GEMINI_OPENAI = Profile(  # 2026-11-26, ai.google.dev/gemini-api/docs/openai
    "gemini-openai",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    key_env="GEMINI_API_KEY",
    think_tags=ThinkTags("start", {"<thought>": "</thought>"}),  # if the caller includes thoughts
    reasoning_replay="off",  # signatures go back with the calls, in `extra_content`
    signed_models=r"(.*/)?gemini-([3-9]|\d\d)",
    tool_output_images=False,  # not documented
    refused_fields=dict.fromkeys(  # "Unknown name ...: Cannot find field"
        ("frequency_penalty", "top_k", "min_p", "top_a", "repetition_penalty", "logit_bias", "store"),
        _EVERY_MODEL,
    ),
)

COHERE_OPENAI = Profile(  # 2026-11-26, docs.cohere.com/docs/compatibility-api
    "cohere-openai",
    base_url="https://api.cohere.ai/compatibility/v1",
    key_env="CO_API_KEY",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)


# -- providers of open models ------------------------------------------------------------

GROQ = Profile(
    "groq",
    base_url="https://api.groq.com/openai/v1",
    key_env="GROQ_API_KEY",
    tool_output_images=False,
    # console.groq.com/docs/openai: "will result in a 400 error"
    # and of messages: "property 'refusal' is unsupported"
    refused_fields={
        **dict.fromkeys((*_LOGPROBS, "logit_bias", "refusal", "extra_content"), _EVERY_MODEL),
        # "not supported with this model", 2026-04: skye-harris/hass_local_openai_llm#59
        "metadata": r"(.*/)?gpt-oss",
    },
)

CEREBRAS = Profile(  # 2026-11-26, inference-docs.cerebras.ai
    "cerebras",
    base_url="https://api.cerebras.ai/v1",
    key_env="CEREBRAS_API_KEY",
    think_tags="start",  # the default of some models; others send the field `reasoning`
    reasoning_replay="off",  # the documented way is the text of the message
    tool_output_images=False,
    # inference-docs.cerebras.ai, on compatibility with OpenAI: "will result in a 400 error"
    refused_fields={
        **dict.fromkeys(("frequency_penalty", "presence_penalty", "logit_bias"), _EVERY_MODEL),
        "parallel_tool_calls": r"(.*/)?gpt-oss",  # agno-agi/agno#4508: False "is not supported by this model"
    },
)

SAMBANOVA = Profile(  # 2026-11-26, docs.sambanova.ai
    "sambanova",
    base_url="https://api.sambanova.ai/v1",
    key_env="SAMBANOVA_API_KEY",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

TOGETHER = Profile("together", base_url="https://api.together.xyz/v1", key_env="TOGETHER_API_KEY")

FIREWORKS = Profile(
    "fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_env="FIREWORKS_API_KEY",
    reasoning_replay="reasoning_content",
)

DEEPINFRA = Profile(  # 2026-11-26, docs.deepinfra.com
    "deepinfra",
    base_url="https://api.deepinfra.com/v1/openai",
    key_env="DEEPINFRA_TOKEN",
    reasoning_replay="off",  # not documented
    json_schema=False,  # not documented
    tool_output_images=False,  # not documented
)

NEBIUS = Profile(  # 2026-11-26, docs.tokenfactory.nebius.com
    "nebius",
    base_url="https://api.tokenfactory.nebius.com/v1",
    key_env="NEBIUS_API_KEY",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

NVIDIA = Profile(  # 2026-11-26, docs.nvidia.com/nim
    "nvidia",
    base_url="https://integrate.api.nvidia.com/v1",
    key_env="NVIDIA_API_KEY",
    reasoning_replay="off",  # not documented
    json_schema=False,  # not documented for all models
    tool_output_images=False,  # not documented
)


# -- clouds ------------------------------------------------------------------------------

AZURE = Profile(
    "azure",  # base_url: the resource, https://NAME.openai.azure.com, or its .../openai/v1
    key_env="AZURE_OPENAI_API_KEY",
    base_url_env="AZURE_OPENAI_ENDPOINT",
    key_header="api-key",
    key_prefix="",
    token_as_bearer=True,  # of Entra ID; not checked against the documentation
    env_query={"api-version": "OPENAI_API_VERSION"},
    paths={
        "chat": "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        "responses": "/openai/v1/responses",
    },
    reasoning_replay="off",
    tool_output_images=False,
    file_urls=False,
    call_ids=r".{1,40}",
    item_ids=_OPENAI_ITEM_IDS,
    item_id_prefixes=_OPENAI_PREFIXES,
    least_output_tokens=16,
    refused_fields=_OPENAI_REFUSES,
)

BEDROCK_OPENAI = Profile(  # 2026-11-26, docs.aws.amazon.com/bedrock
    "bedrock-openai",  # base_url: https://bedrock-mantle.REGION.api.aws/v1
    base_url_env="BEDROCK_OPENAI_BASE_URL",
    key_env="AWS_BEARER_TOKEN_BEDROCK",
    think_tags="start",  # <reasoning> from gpt-oss
    reasoning_replay="off",  # not documented
    tool_output_images=False,
)

VERTEX_OPENAI = Profile(  # 2026-11-26, docs.cloud.google.com/vertex-ai
    # base_url: https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi
    "vertex-openai",
    batch_api="none",
    base_url_env="VERTEX_OPENAI_BASE_URL",
    key_env="GOOGLE_OAUTH_ACCESS_TOKEN",  # expires within an hour: pass a function as api_key
    think_tags="start",  # <think> from open models
    reasoning_replay="off",  # signatures go back with the calls, in `extra_content`
    tool_output_images=False,  # not documented
)

DATABRICKS = Profile(  # 2026-11-26, docs.databricks.com
    "databricks",  # base_url: the workspace, https://NAME.cloud.databricks.com, or its .../serving-endpoints
    base_url_env="DATABRICKS_HOST",
    key_env="DATABRICKS_TOKEN",
    paths={
        "chat": "/serving-endpoints/chat/completions",
        "responses": "/serving-endpoints/responses",
    },
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

SNOWFLAKE = Profile(  # 2026-11-26, docs.snowflake.com, Cortex REST API
    "snowflake",  # base_url: the account, https://ACCOUNT.snowflakecomputing.com, or its .../api/v2/cortex/v1
    base_url_env="SNOWFLAKE_ACCOUNT_URL",
    key_env="SNOWFLAKE_PAT",
    paths={"chat": "/api/v2/cortex/v1/chat/completions"},
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

CLOUDFLARE = Profile(  # 2026-11-26, developers.cloudflare.com/workers-ai
    "cloudflare",  # base_url: https://api.cloudflare.com/client/v4/accounts/ACCOUNT_ID/ai/v1
    base_url_env="CLOUDFLARE_AI_BASE_URL",
    key_env="CLOUDFLARE_API_TOKEN",
    reasoning_replay="off",  # not documented
    json_schema=False,  # a schema is accepted in another form
    tool_output_images=False,  # not documented
)


# -- routers -----------------------------------------------------------------------------

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
    replays_annotations=True,  # openrouter.ai/docs/guides/overview/multimodal/pdfs, 2026-11-26,
    endpoints={"messages": {"unsigned_thinking": True}},
)

LITELLM = Profile(
    "litellm",
    base_url="http://127.0.0.1:4000/v1",
    base_url_env="LITELLM_PROXY_API_BASE",
    key_env="LITELLM_PROXY_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
    endpoints={"messages": {"unsigned_thinking": True}},
)

HUGGINGFACE = Profile(  # 2026-11-26, huggingface.co/docs/inference-providers
    "huggingface",
    base_url="https://router.huggingface.co/v1",
    key_env="HF_TOKEN",
    reasoning_replay="off",  # not documented: each model has another provider behind the router
    tool_output_images=False,  # not documented
)

GITHUB = Profile(  # 2026-11-26, docs.github.com/en/rest/models/inference
    "github",
    base_url="https://models.github.ai/inference",
    key_env="GITHUB_TOKEN",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

COPILOT = Profile(  # 2026-11-26: the API has no public reference, so each field has the safest value
    "copilot",
    base_url="https://api.githubcopilot.com",
    key_env="COPILOT_GITHUB_TOKEN",
    env_headers={"Copilot-Integration-Id": "COPILOT_INTEGRATION_ID"},
    picture_headers={"Copilot-Vision-Request": "true"},  # the 400 names it: microsoft/vscode#260150
    item_ids=r".{1,64}",  # it sends ids of 400 characters, and refuses them
    reasoning_replay="off",
    json_schema=False,
    tool_output_images=False,
)


# -- local servers -----------------------------------------------------------------------
#
# Their address is 127.0.0.1, because localhost can resolve to ::1 first, and these servers don't listen on
# it. Each can be started with a key, and none needs one. The chat template of a model writes the prompt: some
# refuse a system message that isn't the first one, and those of Mistral and Gemma two neighbours of one role.
_ALTERNATING = r"(?i).*(gemma|(mis|minis|mix|magis|devs|codes)tral)[^/]*\Z"

OLLAMA = Profile(  # its templates are its own, and take system messages anywhere
    "ollama", base_url="http://127.0.0.1:11434/v1", base_url_env="OLLAMA_BASE_URL"
)

LLAMACPP = Profile(
    "llamacpp",
    base_url="http://127.0.0.1:8080/v1",
    key_env="LLAMA_API_KEY",
    key_required=False,
    reasoning_replay="reasoning_content",
    # 2026-11-27, tried on xllamacpp 2026.10: it goes on without its client, and keeps the bytes.
    resume_paths=dict.fromkeys(
        ("chat", "responses", "messages"), "/v1/stream?conv_id={conversation}&from={bytes}"
    ),
    conversation_header="X-Conversation-Id",
    endpoints={"messages": {"unsigned_thinking": True}},
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

LMSTUDIO = Profile(
    "lmstudio",
    base_url="http://127.0.0.1:1234/v1",
    key_env="LM_API_TOKEN",
    key_required=False,
    reasoning_replay="reasoning_content",
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

VLLM = Profile(
    "vllm",
    base_url="http://127.0.0.1:8000/v1",
    key_env="VLLM_API_KEY",
    key_required=False,
    endpoints={"messages": {"unsigned_thinking": True}},
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

SGLANG = Profile(  # 2026-11-26, docs.sglang.io. Without --reasoning-parser, set think_tags
    "sglang",
    base_url="http://127.0.0.1:30000/v1",
    reasoning_replay="reasoning_content",
    tool_output_images=False,  # not documented
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

TGI = Profile(  # 2026-11-26, huggingface.co/docs/text-generation-inference
    "tgi",
    base_url="http://127.0.0.1:3000/v1",
    reasoning_replay="off",  # it has no field for it
    tool_output_images=False,
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

LITSERVE = Profile(  # 2026-11-26, lightning.ai/docs/litserve, OpenAISpec
    "litserve",
    base_url="http://127.0.0.1:8000/v1",
    key_env="LIT_SERVER_API_KEY",
    key_required=False,
    key_header="X-API-Key",
    key_prefix="",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
)

JAN = Profile(  # 2026-11-26, jan.ai/docs: llama.cpp behind a proxy
    "jan",
    base_url="http://127.0.0.1:1337/v1",
    key_env="JAN_API_KEY",  # the key in the app's settings; the name is ours
    key_required=False,
    reasoning_replay="reasoning_content",
    tool_output_images=False,  # not documented
    one_system_message=True,
    alternating_models=_ALTERNATING,
)

KOBOLDCPP = Profile(  # 2026-11-26, github.com/LostRuins/koboldcpp. Its password is the api_key
    "koboldcpp",
    base_url="http://127.0.0.1:5001/v1",
    reasoning_replay="off",  # not documented
    tool_output_images=False,  # not documented
    one_system_message=True,
    alternating_models=_ALTERNATING,
)


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        OPENAI,
        ANTHROPIC,
        DEEPSEEK,
        MOONSHOT,
        ZAI,
        MINIMAX,
        DASHSCOPE,
        MISTRAL,
        XAI,
        PERPLEXITY,
        GEMINI,
        GEMINI_OPENAI,
        COHERE_OPENAI,
        GROQ,
        CEREBRAS,
        SAMBANOVA,
        TOGETHER,
        FIREWORKS,
        DEEPINFRA,
        NEBIUS,
        NVIDIA,
        AZURE,
        BEDROCK,
        BEDROCK_OPENAI,
        VERTEX,
        VERTEX_GEMINI,
        VERTEX_OPENAI,
        DATABRICKS,
        SNOWFLAKE,
        CLOUDFLARE,
        OPENROUTER,
        LITELLM,
        HUGGINGFACE,
        GITHUB,
        COPILOT,
        OLLAMA,
        LLAMACPP,
        LMSTUDIO,
        VLLM,
        SGLANG,
        TGI,
        LITSERVE,
        JAN,
        KOBOLDCPP,
        GENERIC,
    )
}
