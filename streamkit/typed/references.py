"""`$ref` -> the schema that it points to, inside one document.

Reads JSON pointers (`#/$defs/A`), anchors (`#a`) and the `$id` of schemas inside. Rule: a reference to
another document isn't followed; nothing is fetched, and such a schema allows anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from .subschemas import MAX_DEPTH, children

MISSING: Final = object()  # the reference points into this document, at nothing
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class References:
    """The references of one schema: *root* is the document."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._by_address: dict[str, Any] = {"": root}
        self._bases: dict[int, str] = {}
        self._index(root)

    def _index(self, root: Any) -> None:
        """Store the address of every schema with an `$id` or an anchor, and the base address of each."""
        level: list[tuple[str, Any]] = [("", root)]
        for _ in range(MAX_DEPTH):
            inside = []
            for base, node in level:
                if not isinstance(node, Mapping):
                    continue
                own = node.get("$id")
                if isinstance(own, str) and own.strip("#") and not own.startswith("#"):
                    base = _join(base, own).rstrip("#")
                    self._by_address.setdefault(base, node)
                self._bases[id(node)] = base
                anchors = (node.get("$anchor"), node.get("$dynamicAnchor"), str(own or "").partition("#")[2])
                for anchor in anchors:
                    if isinstance(anchor, str) and anchor:
                        self._by_address.setdefault(f"{base}#{anchor}", node)
                inside += [(base, child) for _, child in children(node)]
            level = inside

    def targets(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield each reference of *schema*, and the schema that it points to.

        It is `MISSING` for a place in this document that doesn't exist, True for another document.
        """
        for keyword in _REFERENCES:
            reference = schema.get(keyword)
            if isinstance(reference, str):
                yield reference, self._target(schema, reference, is_dynamic=keyword != "$ref")

    def _target(self, schema: Mapping[str, Any], reference: str, *, is_dynamic: bool) -> Any:
        base = self._bases.get(id(schema), self._bases.get(id(self._root), ""))
        address, fragment = urldefrag(_join(base, reference))
        fragment = unquote(fragment)
        if address not in self._by_address:
            return True
        if fragment and not fragment.startswith("/"):
            found = self._by_address.get(f"{address}#{fragment}", MISSING)
            outer = self._by_address.get(f"{self._bases.get(id(self._root), '')}#{fragment}")
            if is_dynamic and _is_dynamic(found, fragment) and _is_dynamic(outer, fragment):
                return outer
            return found
        found = self._by_address[address]
        for step in fragment.split("/")[1:]:
            found = _child(found, step.replace("~1", "/").replace("~0", "~"))
        return found


def _is_dynamic(schema: Any, anchor: str) -> bool:
    return isinstance(schema, Mapping) and schema.get("$dynamicAnchor") == anchor


def _child(node: Any, step: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(step, MISSING)
    is_index = isinstance(node, list) and step.isdecimal() and int(step) < len(node)
    return node[int(step)] if is_index else MISSING


def _join(base: str, reference: str) -> str:
    """Return *reference* as an absolute address; `urljoin` doesn't know the scheme `urn`."""
    if reference.startswith("#"):
        return f"{base.partition('#')[0]}{reference}"
    try:
        return urljoin(base, reference)
    except ValueError:  # such as an IPv6 address without its end
        return reference
