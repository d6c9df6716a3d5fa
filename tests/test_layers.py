"""The house rules A, C and E, read from the AST of every file: floors, facades, one list of wires.

`FLOORS` lists every file of the package, from the top down: a file imports only files from lines above its
own. Imports inside functions count like any other; imports under TYPE_CHECKING don't run, so they don't
count. A late import is written `lazy("module:name")`: it may look down if `FACADES` lists it.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from streamkit.wires import WIRES

PACKAGE = Path(__file__).parent.parent / "streamkit"

FLOORS = """
# vocabulary
_version _log_lines _interrupts
errors
_lazy _threads
_checks
_fields
json_text surrogates
error_facts
error_signs
error_shapes
error_words error_waits
error_bodies
events items
text_stream media_types
completion
typed typed.docstrings typed.subschemas typed.value_rules typed.plain_types typed.hints
typed.references typed.evaluated typed.encode typed.foreign
typed.fields
typed.schema_rules typed.strict typed.json_in_text typed.one_object typed.definitions
typed.check typed.schema
typed.objects typed.response_format typed.unquoted
typed.parse codec
wires
profiles.profile
profiles.known
profiles
request.objects
request.options request.params request.inputs
request

# one answer as it arrives
state state.cumulative state.pieces state.part_index state.opaque
state.join state.restated
state.text_buffer
state.deltas state.encodable state.citations
state.open_item
state.open_message state.open_call
state.open_items
state.growth
state.answer

# one API each, both directions
wires.report wires.parts wires.fields wires.finish_words wires.cache_marks
wires.hosted_tools
wires.repeats wires.call_pairs wires.tool_specs wires.usage wires.sample_parts
wires.param_table wires.opaque wires.wire wires.formats wires.turns wires.tool_choice
wires.unsent
wires.prepare
wires.refused_state
wires.batch
wires.chat.json_prefix wires.chat.call_fields wires.chat.caching wires.chat.content wires.chat.tool_specs
wires.chat.usual_choices
wires.chat.restated_calls wires.chat.call_entries wires.chat.call_arguments
wires.chat.call_slots wires.chat.drafts wires.chat.sequence
wires.chat.open_choice wires.chat.content_parts wires.chat.last_head wires.chat.numbered_blocks
wires.chat.reasoning
wires.chat.choices
wires.chat.lone_pieces
wires.chat.read wires.chat.messages
wires.chat.build wires.chat.document wires.chat.sample wires.chat.batch
wires.chat.mistral_batch
wires.chat
wires.responses.output_items wires.responses.content wires.responses.tool_specs
wires.responses.item_slots wires.responses.input_items wires.responses.usual_items
wires.responses.event_places
wires.responses.text_events wires.responses.call_events
wires.responses.item_events
wires.responses.read wires.responses.build wires.responses.sample wires.responses.batch
wires.responses.document
wires.responses
wires.messages.betas
wires.messages.usage wires.messages.content wires.messages.thinking wires.messages.caching
wires.messages.native wires.messages.tool_specs wires.messages.shapes wires.messages.calls
wires.messages.blocks wires.messages.block_pairs wires.messages.structured
wires.messages.turns
wires.messages.block_events
wires.messages.read wires.messages.build
wires.messages.document
wires.messages.sample wires.messages.batch
wires.messages
wires.gemini.fields
wires.gemini.partial_args wires.gemini.usage wires.gemini.tool_specs wires.gemini.models
wires.gemini.calls
wires.gemini.candidates
wires.gemini.grounding wires.gemini.content wires.gemini.native
wires.gemini.read wires.gemini.turns
wires.gemini.build wires.gemini.document
wires.gemini.sample wires.gemini.batch
wires.gemini

# bytes -> events, pure
pipeline.lines pipeline.objects pipeline.arrays pipeline.repeated_thoughts pipeline.fast_events
pipeline.partial_json
pipeline.tag_splitter
pipeline.tagged_message
pipeline.think_tags
pipeline.append
pipeline.closing
pipeline.accumulate pipeline.aggregate pipeline.body
pipeline.lane_loop
pipeline.templates
pipeline.tracks
pipeline.lane
pipeline.frames
pipeline.known_texts
pipeline.payloads
pipeline
typed.elements

# sockets, clocks, keys
http http.scrubbing
http.secrets http.clocks http.framing http.retry http.ratelimits
http.connecting http.messages http.log_masking
http.uploading
http.session
http.refusals
http.transport

# one call of a program
client.stats client.gauges client.options
client.observers client.pace
client.logs client.prices client.resume client.requests
client.address
client.endpoint client.counting
client.outgoing
client.run
client.attempt
client.attempts
client.stream
client.complete
client.fallback
client

# many calls
jobs.answer jobs.rows jobs.batch_log jobs.batch_calls
jobs.ask jobs.report jobs.journal_lines
jobs.question jobs.local jobs.journal jobs.progress jobs.batch_results
jobs.remote
jobs.loop
jobs.map
jobs.batch_rows
jobs.batch_begin
jobs.batch_run
jobs.batches
jobs

# for programs
_files
media history
tool_outputs
tools
agent.outcomes agent.progress
agent.plan
agent.calls agent.observed
agent.turns
agent
ui_parts ui_input reader_thread
web
recordings recordings.format
recordings.masking
recordings.recorder recordings.faults recordings.demo
recordings.playback recordings.changes
recordings.cache recordings.translate recordings.guard recordings.batches recordings.batches.form
recordings.batches.openai_form recordings.batches.messages_form recordings.batches.gemini_form
recordings.catalog recordings.batches.desk
recordings.server
testing
integrations integrations.otel_names
integrations.otel_content
integrations.agent_spans
integrations.opentelemetry integrations.pytest_plugin integrations.ray
integrations.mcp_results integrations.mcp_servers
integrations.mcp

# for people
display.maths display.code
display.links
display.markdown display.commonmark
display.render
display.notebook display.terminal
display

# public names of moved modules, and the front door
serve playback telemetry pytest_plugin
__init__

# the command line
cli.output cli.arguments
cli.diagnosis cli.describe cli.findings cli.profiles
cli.model_list cli.answer
cli.chat cli.convert cli.diff cli.replay cli.serve cli.show cli.stats cli.demo
cli.record cli.doctor cli.models cli.map
cli
__main__
"""

# Late imports that look down: facades, which are one line that forwards.
FACADES = {
    ("text_stream", "reader_thread"): "pieces are an async iterable",
    ("items", "display.render"): "an item displays itself in a notebook",
    ("completion", "display.render"): "a completion displays itself in a notebook",
    ("completion", "display.notebook"): "a completion that show() has drawn isn't drawn again",
    ("completion", "typed.parse"): "parsed()",
    ("completion", "codec"): "to_dict() and from_dict()",
    ("completion", "wires.chat.document"): "to_chat_completion()",
    ("client.stream", "display"): "show()",
    ("client.stream", "display.render"): "a stream displays itself in a notebook",
    ("client", "recordings.recorder"): "stream(record=...)",
    ("client", "jobs.map"): "map()",
    ("client", "jobs.batches"): "batches",
    ("client", "recordings.cache"): "Client(cache=...)",
}

# Files above "sockets, clocks, keys" don't import these.
IMPURE = "requests urllib3 http socket ssl select time os pathlib tempfile random threading subprocess"
IMPURE_ANYWAY = {
    ("_lazy", "threading"): "threads import one at a time",
    ("profiles", "pathlib"): "load_profiles reads the one file that its caller names",
}

# Files outside of wires/ that may name a wire in a literal.
NAMES_WIRES = {
    "profiles.profile": "the default of a field",
    "profiles.known": "paths and endpoints by wire",
    "pipeline": "the defaults of signatures",
    "integrations.opentelemetry": "the conventions call this operation chat",
    "integrations.otel_names": "profiles for which the conventions have another name",
    "cli": "the command called chat",
    "testing": "the field of a body that is a list of messages",
    "cli.map": "the field of a row that is a list of messages",
    "cli.arguments": "a parameter of other packages is called messages",
    "request.params": "a parameter of other packages is called messages",
}


class Import(NamedTuple):
    module: str  # "streamkit" itself is "__init__"
    line: int
    name: str
    is_own: bool
    is_late: bool = False


def floors() -> dict[str, int]:
    """Return each module's floor, from 0 at the top."""
    rows = [row.split() for row in FLOORS.splitlines() if row.strip() and not row.startswith("#")]
    return {module: number for number, row in enumerate(rows) for module in row}


def modules(package: Path) -> dict[str, Path]:
    """Return the file of each dotted name inside the package; `__init__` is the package itself."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


def imports(package: Path) -> Iterator[Import]:
    """Yield every import that runs, as absolute names inside the package, and every `lazy(...)`."""
    known = modules(package)
    for module, path in known.items():
        source = path.read_text(encoding="utf-8")
        yield from imports_in(source, module, path.name == "__init__.py", frozenset(known))


@cache  # by the text: a planted violation changes one file of the package
def imports_in(text: str, module: str, is_package: bool, known: frozenset[str]) -> list[Import]:
    found = []
    base = [] if module == "__init__" else module.split(".")
    if not is_package:
        base = base[:-1]
    for node in running(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = base[: len(base) - (node.level - 1)] if node.level else []
            source = ".".join(
                (["streamkit", *up] if node.level else []) + ([node.module] if node.module else [])
            )
            names = [(source, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy":
            target = node.args[0]
            assert isinstance(target, ast.Constant), f"{module}:{node.lineno}: lazy() takes a literal"
            found.append(Import(module, node.lineno, target.value.partition(":")[0], True, True))
            continue
        else:
            continue
        for source, name in names:
            if source.split(".")[0] != "streamkit":
                found.append(Import(module, node.lineno, source, is_own=False))
                continue
            inside = source.removeprefix("streamkit").removeprefix(".")
            deeper = f"{inside}.{name}".strip(".")
            own = deeper if deeper in known else inside or "__init__"
            found.append(Import(module, node.lineno, own, is_own=True))
    return found


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes except those under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield node
            yield from running(node)


def violations(package: Path) -> list[str]:
    """Return a line for each file without a floor, and for each import or literal that breaks a rule."""
    floor = floors()
    known = modules(package)
    wrong = [f"{module} has no floor: give it a line in FLOORS" for module in known if module not in floor]
    for each in imports(package):
        here = floor.get(each.module, 0)
        place = f"{each.module}:{each.line} imports {each.name}"
        if each.is_own:
            facade = each.is_late and (each.module, each.name) in FACADES
            # A wire's package forwards to its own files, which are above it in any case.
            if each.name not in floor or (floor[each.name] >= here and not facade):
                wrong.append(f"{place}, which isn't above it")
        elif is_impure(each) and here < floor["http"] and (each.module, each.name) not in IMPURE_ANYWAY:
            wrong.append(f"{place}: the floors above http stay free of sockets, clocks and files")
    return wrong + wire_names(package)


def is_impure(each: Import) -> bool:
    """Return True if the pure floors may not import this module."""
    return each.name.split(".")[0] in IMPURE.split()


def wire_names(package: Path) -> list[str]:
    """Return literals that name a wire outside of registry, profiles and defaults of signatures."""
    wrong = []
    for module, path in modules(package).items():
        if module in NAMES_WIRES or module.split(".")[0] == "wires":
            continue
        for line, wire in wires_in(path.read_text(encoding="utf-8")):
            wrong.append(f"{module}:{line} names the wire {wire!r}; ask the registry")
    return wrong


@cache
def wires_in(text: str) -> list[tuple[int, str]]:
    """The line and the value of each literal that names a wire."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    return [(node.lineno, node.value) for node in nodes if node.value in WIRES]


def test_no_file_imports_downward() -> None:
    """House rules A and E hold for every file."""
    assert violations(PACKAGE) == []


def test_every_file_on_a_floor_exists() -> None:
    """FLOORS lists each file once, and no file that doesn't exist."""
    named = [word for row in FLOORS.splitlines() if not row.startswith("#") for word in row.split()]
    assert sorted(named) == sorted(modules(PACKAGE))


def test_every_exception_is_still_needed() -> None:
    """The code uses each facade and each exception; otherwise it is removed from its list."""
    used = {(each.module, each.name) for each in imports(PACKAGE)}
    assert set(FACADES) | set(IMPURE_ANYWAY) <= used
    for module in NAMES_WIRES:
        assert wires_in(modules(PACKAGE)[module].read_text(encoding="utf-8")), module


def test_every_late_import_finds_its_target() -> None:
    """A literal in `lazy(...)` names a module of the package."""
    late = [each for each in imports(PACKAGE) if each.is_late]
    assert late
    assert {each.name for each in late} <= set(modules(PACKAGE))


def test_facades_only_forward() -> None:
    """House rule C: a method that calls a facade has at most two statements after its docstring."""
    for module in {importer for importer, _ in FACADES}:
        tree = ast.parse(modules(PACKAGE)[module].read_text(encoding="utf-8"))
        late = {
            node.targets[0].id
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and getattr(node.value.func, "id", "") == "lazy"
            and isinstance(node.targets[0], ast.Name)
        }
        for method in ast.walk(tree):
            if isinstance(method, ast.FunctionDef) and method.name not in ("stream", "send", "__init__"):
                called = {getattr(node, "id", "") for node in ast.walk(method)} & late
                body = method.body[ast.get_docstring(method) is not None :]
                assert not called or len(body) <= 2, f"{module}.{method.name} does more than forward"


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        pytest.param("events.py", "from . import pipeline", "imports pipeline", id="A: vocabulary, chain"),
        pytest.param(
            "pipeline/lines.py", "from .frames import Frame", "imports pipeline.frames", id="A: stage, next"
        ),
        pytest.param("wires/chat/read.py", "from ...pipeline import lines", "pipeline.lines", id="A: wire"),
        pytest.param("http/retry.py", "import streamkit.client", "imports client", id="A: absolute"),
        pytest.param(
            "items.py", "def f():\n    from .display import show", "imports display", id="A: in a function"
        ),
        pytest.param("state/answer.py", "from streamkit import show", "imports __init__", id="A: front door"),
        pytest.param("pipeline/payloads.py", "import time", "imports time", id="A: a clock in a pure stage"),
        pytest.param("events.py", 'f = lazy("client:Client")', "imports client", id="C: a facade not listed"),
        pytest.param("web.py", 'WIRE = "responses"', "names the wire 'responses'", id="E: a wire's name"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str, complaint: str) -> None:
    """The tests above can fail: each kind of violation is reported with its file and line."""
    copy = tmp_path / "streamkit"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    found = violations(copy)
    assert len(found) == len(violations(PACKAGE)) + 1
    module = file.removesuffix(".py").replace("/", ".")
    assert any(complaint in each and each.startswith(module) for each in found)


def test_a_file_without_a_floor_is_found(tmp_path: Path) -> None:
    """A new file needs a floor."""
    (tmp_path / "utils.py").write_text("import json\nfrom . import errors\n", encoding="utf-8")
    (tmp_path / "errors.py").write_text("", encoding="utf-8")
    assert violations(tmp_path) == [
        "utils has no floor: give it a line in FLOORS",
        "utils:2 imports errors, which isn't above it",
    ]
