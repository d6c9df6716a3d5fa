"""Turns of a Messages call -> the same turns without blocks that the API refuses for lack of another one.

takes    the turns of a request, in their order
returns  the turns, changed in place, without calls of the server's tools that have no result, results that
         have no call, and thoughts at the end of a message, and with the caller's calls behind the rest of
         their message; the report names each
"""

from __future__ import annotations

from collections.abc import Iterator

from ..report import BuildReport
from ..turns import Turn
from .content import Block

THOUGHTS = ("thinking", "redacted_thinking")
HOSTED_CALLS = ("server_tool_use", "mcp_tool_use")


def paired_tools(turns: list[Turn], report: BuildReport) -> list[Turn]:
    """Remove the server's tool calls without a result in their answer, and results without a call.

    An answer goes on behind the outputs of the caller's tools: a program on the server that calls them gives
    its own result after theirs. The last answer may have calls without results: the server goes on with them.
    """
    for answer in _answers(turns):
        blocks = [block for turn in answer for block in turn.parts]
        calls = {str(b.get("id")) for b in blocks if b.get("type") in HOSTED_CALLS}
        results = {str(b.get("tool_use_id")) for b in blocks if _is_hosted_result(b)}
        is_last = answer[-1] is turns[-1]
        for turn in answer:
            kept = []
            for block in turn.parts:
                is_lone_call = block.get("type") in HOSTED_CALLS and str(block.get("id")) not in results
                is_lone_result = _is_hosted_result(block) and str(block.get("tool_use_id")) not in calls
                if is_lone_result or (is_lone_call and not is_last):
                    what = "call has no result" if is_lone_call else "result has no call"
                    report.dropped.append(f"a {block['type']} block: the {what} in its answer")
                else:
                    kept.append(block)
            turn.parts = kept
    return turns


def _answers(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Yield the turns of each answer: those of the model, and the outputs of its calls between them."""
    answer: list[Turn] = []
    for turn in turns:
        if turn.role == "user" and not any(block.get("type") == "tool_result" for block in turn.parts):
            if answer:
                yield answer
            answer = []
        else:
            answer.append(turn)
    if answer:
        yield answer


def with_calls_last(turns: list[Turn], report: BuildReport) -> list[Turn]:
    """Move the calls of the caller's tools behind the texts and the server's tools of their message.

    "tool_use ids were found without tool_result blocks immediately after": the API refuses what it wrote in
    another order itself (anthropic-sdk-python#1062). Thoughts stay where they are.
    """
    for turn in turns:
        others = [n for n, block in enumerate(turn.parts) if block.get("type") not in (*THOUGHTS, "tool_use")]
        end = others[-1] + 1 if others else 0
        early = [block for block in turn.parts[:end] if block.get("type") == "tool_use"]
        if early:
            before = [block for block in turn.parts[:end] if block.get("type") != "tool_use"]
            turn.parts = [*before, *early, *turn.parts[end:]]
            names = ", ".join(str(block.get("name")) for block in early)
            report.repaired.append(f"the rest of the message is sent before the calls in it: {names}")
    return turns


def without_last_thoughts(turns: list[Turn], report: BuildReport) -> list[Turn]:
    """Remove thoughts with nothing behind them: the API refuses a message that ends in one."""
    for turn in turns:
        while turn.parts and turn.role == "assistant" and turn.parts[-1].get("type") in THOUGHTS:
            report.dropped.append(f"a {turn.parts.pop()['type']} block: nothing follows it in its message")
    return turns


def _is_hosted_result(block: Block) -> bool:
    kind = str(block.get("type"))
    return kind.endswith("_tool_result") and isinstance(block.get("tool_use_id"), str)
