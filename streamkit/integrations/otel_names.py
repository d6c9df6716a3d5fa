"""The names that OpenTelemetry's conventions give to our fields. Rule: no other file spells one of them."""

from __future__ import annotations

from ..completion import Usage


class Names:
    """The names of attributes, events and histograms; no other place spells them.

    They are from docs/gen-ai of open-telemetry/semantic-conventions-genai, autumn 2026: client-inference.md,
    gen-ai-agent-spans.md and execute-tool.md. They are still in development, and replace
    the names of release 1.41 (`gen_ai.client.operation.*`, `gen_ai.client.token.usage`).
    """

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    REQUEST_MODEL = "gen_ai.request.model"
    STREAM = "gen_ai.request.stream"
    ADDRESS = "server.address"
    PORT = "server.port"
    RESPONSE_ID = "gen_ai.response.id"
    RESPONSE_MODEL = "gen_ai.response.model"
    FINISH_REASONS = "gen_ai.response.finish_reasons"
    FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
    ERROR = "error.type"
    INPUT_MESSAGES = "gen_ai.input.messages"
    OUTPUT_MESSAGES = "gen_ai.output.messages"
    INSTRUCTIONS = "gen_ai.system_instructions"
    MODALITY = "gen_ai.token.modality"
    AGENT_NAME = "gen_ai.agent.name"
    TOOL_NAME = "gen_ai.tool.name"
    TOOL_TYPE = "gen_ai.tool.type"
    TOOL_DESCRIPTION = "gen_ai.tool.description"
    CALL_ID = "gen_ai.tool.call.id"
    CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
    CALL_RESULT = "gen_ai.tool.call.result"
    # our own
    ENDED = "streamkit.ended"
    COST = "streamkit.usage.cost"  # the conventions have no name for money
    COST_COMPUTED = "streamkit.usage.cost_computed"
    RETRY = "streamkit.retry"
    RETRY_ATTEMPT = "streamkit.retry.attempt"
    RETRY_DELAY = "streamkit.retry.delay"
    # histograms
    DURATION = "gen_ai.client.inference.duration"
    TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
    AGENT_DURATION = "gen_ai.invoke_agent.duration"
    TOOL_DURATION = "gen_ai.execute_tool.duration"


# Parameters of a request whose values aren't content: our name -> the attribute.
PARAMS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "previous_response_id": "gen_ai.request.previous_response.id",
}
# A field of `Usage` -> its span attribute and its counter.
TOKENS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.client.inference.usage.input_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.client.inference.usage.output_tokens"),
    "cached_input_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.client.inference.usage.cache_write.input_tokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
    ),
}
# Profiles for which the conventions have another name; every other profile keeps its own.
PROVIDERS = {
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    **dict.fromkeys(("bedrock", "bedrock-openai"), "aws.bedrock"),
    **dict.fromkeys(("gemini", "gemini-openai"), "gcp.gemini"),
    **dict.fromkeys(("vertex", "vertex-gemini", "vertex-openai"), "gcp.vertex_ai"),
}
BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]  # seconds


def usage_attributes(usage: Usage | None) -> dict[str, int | float | bool]:
    """Return the counts that are known, and the cost, with a mark if streamkit computed it."""
    counts = {name: getattr(usage, field, None) for field, (name, _) in TOKENS.items()}
    found: dict[str, int | float | bool] = {k: count for k, count in counts.items() if count is not None}
    if usage is not None and usage.cost is not None:
        found |= {Names.COST: usage.cost, Names.COST_COMPUTED: usage.cost_computed}
    return found
