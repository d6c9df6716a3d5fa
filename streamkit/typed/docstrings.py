"""A function's docstring -> its description, and a note about each parameter.

Reads the three common styles: sections of Google's and NumPy's, and the fields of Sphinx's. Rule: the
description ends at the first section or field.
"""

from __future__ import annotations

import re
import textwrap

_SECTION = re.compile(
    r"^(?:(?:Args|Arguments|Parameters|Returns?|Raises|Yields?|Examples?|Notes?):[ \t]*$"
    r"|\w+[ \t]*\n-{3,}[ \t]*$|:\w+[^:\n]*:)",
    re.M,
)
_GOOGLE = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*\n?|\n)+)", re.M)
_NUMPY = re.compile(r"^Parameters[ \t]*\n-{3,}[ \t]*\n((?:.*\n?)*?)(?=^\w+[ \t]*\n-{3,}|\Z)", re.M)
_SPHINX = re.compile(r"^:param\s+(?:[^:\n]*\s)?(\w+):((?:.*\n?)(?:[ \t]+.*\n?)*)", re.M)
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*(?::\s*(.*))?$")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return the description in *text*, and the notes by parameter. *text* is dedented (`inspect.getdoc`)."""
    end = _SECTION.search(text)
    description = text[: end.start()] if end else text
    notes = {match[1]: match[2] for match in _SPHINX.finditer(text)}
    google, numpy = _GOOGLE.search(text), _NUMPY.search(text)
    if google:
        notes |= _read_entries(google[1], typed=False)
    if numpy:
        notes |= _read_entries(numpy[1], typed=True)
    return description.strip(), {name: " ".join(note.split()) for name, note in notes.items()}


def _read_entries(block: str, *, typed: bool) -> dict[str, str]:
    """Read a section: an entry begins with a name at the margin, and deeper lines continue it.

    If *typed*, the text after a name's colon is its type, as in NumPy's style.
    """
    notes: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(block).splitlines():
        entry = _ENTRY.match(line)
        if entry:
            name = entry[1]
            notes[name] = "" if typed else entry[2] or ""
        elif name:
            notes[name] += f" {line}"
    return notes
