"""What each Claude model accepts: the form of thinking, the efforts, sampling parameters, the longest answer.

Source: Anthropic's documentation of models, extended thinking and effort, as of 2026-11. A model that the
table doesn't have is taken for one of the newest if its name contains "claude", else for one of another maker
behind the same API, which gets a budget.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from attrs import evolve, frozen

from ...profiles.profile import is_one_of
from ..param_table import BuildContext

Mode = Literal["adaptive", "either", "budget", "none"]
Forced = Literal["always", "to any", "unless it thinks", "never"]
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 10_000, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_SMALLEST_BUDGET = 1024
_THOUGHTS = (["thinking"], ["redacted_thinking"])
_KINDS = frozenset(("thinking", "redacted_thinking"))


@frozen
class Model:
    """`thinking`: the accepted forms. `efforts`: the words of `output_config.effort`, in order.

    `forced`: when it accepts a `tool_choice` that forces a tool; "to any": one that names none. `off`: the
    type of `thinking` that switches it off; None if nothing does.
    """

    thinking: Mode
    efforts: tuple[str, ...]
    takes_sampling: bool
    longest: int  # tokens of an answer
    takes_schema: bool
    takes_system: bool = False  # a system message behind a turn of the user, from opus-4-8 on
    forced: Forced = "unless it thinks"
    takes_prefill: bool = True  # an answer to go on with, as the last message
    takes_both: bool = True  # temperature next to top_p
    off: str | None = "disabled"


_ALL = ("low", "medium", "high", "xhigh", "max")
_OPUS_4_7 = Model("adaptive", _ALL, False, 128_000, True, forced="always", takes_prefill=False)
_OPUS_5 = evolve(_OPUS_4_7, takes_system=True)
_NEWEST = evolve(_OPUS_5, forced="never", off=None)
_MODELS: tuple[tuple[str, Model], ...] = (
    (
        r"(opus|sonnet|haiku)-4-6",
        Model(
            "either",
            ("low", "medium", "high", "max"),
            True,
            128_000,
            True,
            takes_prefill=False,
            takes_both=False,
        ),
    ),
    (r"opus-4-5", Model("budget", ("low", "medium", "high"), True, 64_000, True, takes_both=False)),
    (r"(sonnet|haiku)-4-5", Model("budget", (), True, 64_000, True, takes_both=False)),
    (r"opus-4-7", _OPUS_4_7),
    (r"mythos-preview", evolve(_NEWEST, efforts=("low", "medium", "high", "max"))),
    (r"fable|mythos", _NEWEST),
    (r"haiku-5", _OPUS_5),
    (r"sonnet-5-5", evolve(_NEWEST, off="between_tools")),
    (r"opus-4-8|(opus|sonnet)-5(?!-\d\b)", _OPUS_5),  # a date may follow
    (r"opus-4-1", Model("budget", (), True, 32_000, True, takes_both=False)),
    (r"opus-4", Model("budget", (), True, 32_000, False)),
    (r"sonnet-4|3-7-sonnet", Model("budget", (), True, 64_000, False)),
    (r"3-5|claude-3-5", Model("none", (), True, 8192, False)),
    (r"claude-(3|2|instant)", Model("none", (), True, 4096, False)),
)
_OTHER = Model("budget", (), True, 1 << 30, True, forced="always")
# Models of other makers that don't take everything. Sources, all of 2026: platform.kimi.ai/docs and
# UKGovernmentBEIS/inspect_ai#5152 ("tool_choice 'required' is incompatible with thinking enabled");
# NousResearch/hermes-agent#85891 (GLM: "always engages in thinking and cannot be disabled");
# CherryHQ/cherry-studio#16431 (MiniMax: "invalid thinking.type: enabled (allowed: adaptive, disabled)").
_ALWAYS_THINKS = evolve(_OTHER, off=None)
_ADAPTIVE = evolve(_OTHER, thinking="adaptive", efforts=("low", "medium", "high", "max"))
_OTHERS: tuple[tuple[str, Model], ...] = (
    (r"(^|/)kimi-(k2-[7-9]-code|k2-thinking|for-coding)", evolve(_ALWAYS_THINKS, forced="never")),
    (r"(^|/)(kimi-)?k[3-9](?!\d)", evolve(_ALWAYS_THINKS, forced="to any")),
    (r"(^|/)glm-(5-[3-9]|[6-9])(?!\d)", _ALWAYS_THINKS),
    (r"(^|/)minimax-m3(?!-?\d)", _ADAPTIVE),
    (r"(^|/)minimax-m\d", evolve(_ADAPTIVE, off=None)),
)


def model_named(name: str) -> Model:
    """Return the facts about a model by its name, such as `claude-sonnet-4-6`, with any prefix."""
    plain = name.lower().replace(".", "-")
    if "claude" not in plain:
        return next((model for pattern, model in _OTHERS if re.search(pattern, plain)), _OTHER)
    return next((model for pattern, model in _MODELS if re.search(pattern, plain)), _NEWEST)


def thinking_fields(context: BuildContext, max_tokens: int) -> dict[str, Any]:
    """Return `thinking`, `output_config` and `max_tokens` for the request's reasoning effort or budget.

    A budget, `reasoning={"max_tokens": ...}`, wins over the effort. It counts toward `max_tokens`, which
    grows by it if it is too small, and is reported.
    """
    effort, report = context.effort, context.report
    wanted = context.params.get("reasoning", {}).get("max_tokens")
    if effort is None and wanted is None:
        return {}
    model = model_named(context.request.model)
    if effort == "none" and model.off is None:
        report.dropped.append(f"reasoning_effort: {context.request.model} always thinks")
        return {}
    if effort == "none":
        return {"thinking": {"type": model.off}} if model.thinking != "none" else {}
    is_claude = "claude" in context.request.model.lower()
    if not context.profile.thinking_budget and not is_claude and model.thinking == "budget":
        return _effort_only(effort, context)
    if model.thinking == "none":
        name = "reasoning_effort" if wanted is None else "reasoning.max_tokens"
        report.dropped.append(f"{name}: {context.request.model} doesn't think")
        return {}
    if wanted is not None and model.thinking == "adaptive":
        report.dropped.append(f"reasoning.max_tokens: {context.request.model} takes an effort, not a budget")
        wanted, effort = None, effort or "high"
    if wanted is None and model.thinking in ("adaptive", "either"):
        assert effort is not None
        word = _nearest(effort, model.efforts)
        if word != effort:
            report.repaired.append(f"reasoning_effort: {effort} is sent as {word}")
        return {
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": word},
        }
    budget = _BUDGETS.get(effort or "", _BUDGETS["medium"]) if wanted is None else wanted
    if wanted is None and effort not in _BUDGETS:
        report.repaired.append(f"reasoning_effort: {effort} is sent as a budget of {budget} tokens")
    elif wanted is not None and effort is not None:
        report.dropped.append(f"reasoning_effort: {effort}, because reasoning.max_tokens is the budget")
    if max_tokens <= budget:
        allowed = min(max_tokens + budget, model.longest)
        report.repaired.append(f"max_tokens: {max_tokens} is sent as {allowed}, which includes the thinking")
        max_tokens = allowed
    sent = max(_SMALLEST_BUDGET, min(budget, max_tokens - 1))
    if wanted not in (None, sent):
        report.repaired.append(f"reasoning.max_tokens: {wanted} is sent as {sent}")
    budget = sent
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": max_tokens}


def lacks_thought(messages: list[dict[str, Any]]) -> bool:
    """Return True if the answer goes on behind calls that were made without a thought.

    A budget is refused there: "a final assistant message must start with a thinking block". A call of another
    model has none, and neither has a call that was made with thinking switched off.
    """
    has_outputs = False
    for message in reversed(messages):
        kinds = [block.get("type") for block in message["content"] if isinstance(block, dict)]
        if message["role"] == "user" and "tool_result" not in kinds:
            break
        has_outputs = has_outputs or message["role"] == "user"
        if not has_outputs or (message["role"] == "assistant" and kinds[:1] in _THOUGHTS):
            return False
    return has_outputs


def fill_thoughts(body: dict[str, Any], context: BuildContext) -> None:
    """Put a thought before calls without one, if the server refuses them while its model thinks.

    Calls of another model have none, and neither have calls that were made with thinking switched off.
    """
    request, profile = context.request, context.profile
    fillers = profile.reasoning_filler.items()
    text = next((text for models, text in fillers if is_one_of(models, request.model)), None)
    thinking = request.extra_body.get("thinking", body.get("thinking"))
    is_off = isinstance(thinking, Mapping) and thinking.get("type") == "disabled"
    if text is None or is_off:
        return
    filled = 0
    for message in body["messages"]:
        kinds = [block.get("type") for block in message["content"]]
        if message["role"] == "assistant" and "tool_use" in kinds and _KINDS.isdisjoint(kinds):
            filler = {"type": "thinking", "thinking": text, "signature": ""}
            message["content"] = [filler, *message["content"]]
            filled += 1
    if filled:
        context.report.repaired.append(
            f"messages: {filled} with calls and no thought get an empty one, which {profile.name} demands"
        )


def _effort_only(effort: Any, context: BuildContext) -> dict[str, Any]:
    """Return the fields for a server that takes an effort of its own three, and no budget."""
    if effort is None:
        context.report.dropped.append(f"reasoning.max_tokens: {context.profile.name} takes an effort")
        effort = "high"
    word = _nearest(effort, ("low", "high", "max"))
    if word != effort:
        context.report.repaired.append(f"reasoning_effort: {effort} is sent as {word}")
    return {"thinking": {"type": "enabled"}, "output_config": {"effort": word}}


def _nearest(effort: str, known: tuple[str, ...]) -> str:
    """Return *effort*, or the word that the model knows for it."""
    if effort in known:
        return effort
    return "low" if effort == "minimal" else known[-1] if effort in ("xhigh", "max") else "high"
