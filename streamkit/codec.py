"""Convert our own types to plain JSON-ready data and back, through the one cattrs converter.

Items and parts are tagged by their `type`; fields with their default value are left out. Reading is strict
about types: cattrs alone silently turns `["a"]` into "['a']". It keeps everything: an unknown kind becomes
an `UnknownItem` or `UnknownPart`, and an unknown field goes into `extra`.

Rule: the JSON of gateways is never read with this; the wires do that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import attrs

from ._checks import Kind, check, got
from .completion import Completion
from .errors import UsageError
from .events import Event
from .items import Item, Part, UnknownItem, UnknownPart
from .typed.response_format import ResponseFormat

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")
_TAGGED: tuple[type[Any], ...] = (*get_args(Item), *get_args(Part))


_CLASS = Kind(
    "a class of streamkit's, or a list or a union of some",
    lambda value: isinstance(value, type) or get_origin(value) is not None,
    "pass Message",
)
_EVENT = Kind("an event", lambda value: isinstance(value, get_args(Event)), "pass one of a stream's events")


def to_jsonable(value: Any) -> Any:
    """Return *value*, one of streamkit's own attrs objects or a sequence of them, as JSON-ready data."""
    return _converter().unstructure(value)


def from_jsonable(data: Any, cls: type[T]) -> T:
    """Return the object of class *cls* that `to_jsonable` wrote.

    Raises `UsageError` with every place that doesn't fit.
    """
    check("cls", cls, _CLASS)
    return _structure(data, cls)  # type: ignore[no-any-return]


def item_from_jsonable(data: Any) -> Item:
    """Return the item that `to_jsonable` wrote; its tag decides the kind. Raises `UsageError`."""
    return _structure(data, Item)  # type: ignore[no-any-return]


def event_to_jsonable(event: Event) -> dict[str, Any]:
    """Return *event* as one JSON-ready object: its class name as `event`, then its fields.

    `raw` and `snapshot` are left out, because the other events already contain their content.
    """
    check("event", event, _EVENT)
    data: dict[str, Any] = {"event": type(event).__name__}
    for each in fields(event):
        if each.name not in ("raw", "snapshot"):
            data[each.name] = _plain(getattr(event, each.name))
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "message": str(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "__attrs_attrs__") or is_dataclass(value) or isinstance(value, list | tuple):
        return to_jsonable(value)
    return repr(value)


def _structure(data: Any, cls: Any) -> Any:
    try:
        return _converter().structure(data, cls)
    except Exception as exc:
        name = getattr(cls, "__name__", "item")
        raise UsageError(f"expected a valid {name}: {'; '.join(_reasons(exc))}") from exc


def _reasons(error: BaseException) -> list[str]:
    from cattrs import transform_error

    return transform_error(error, path="data", format_exception=lambda exc, _: _reason(exc))


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error.args[0]) if error.args else repr(error)  # attrs' validators have further arguments


# -- the converter ------------------------------------------------------------------------


@cache
def _converter() -> Converter:
    """Return the converter. Importing cattrs takes longer than importing streamkit, so it's built late."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    converter = Converter()
    for primitive in (str, int, float, bool):
        converter.register_structure_hook(primitive, _exactly)
    for cls in _TAGGED:
        converter.register_unstructure_hook(cls, _writer(converter, cls))
    # completion.py imports this name only for type checkers, so that it needn't import schema.py.
    attrs.resolve_types(Completion, localns={"ResponseFormat": ResponseFormat})
    # The response format may be a class of the caller's; it isn't part of the answer.
    omit = override(omit=True)
    converter.register_unstructure_hook(
        Completion, make_dict_unstructure_fn(Completion, converter, response_format=omit)
    )
    converter.register_structure_hook_factory(
        lambda cls: cls is Completion,
        lambda cls: make_dict_structure_fn(cls, converter, response_format=omit),
    )
    # In this order: making the reader of a class looks up the hooks of its fields.
    read_part = _reader(converter, get_args(Part), UnknownPart)
    converter.register_structure_hook_func(lambda cls: cls == Part, read_part)
    converter.register_structure_hook_func(
        lambda cls: cls == str | tuple[Part, ...],  # the output of a call
        lambda value, _: value if isinstance(value, str) else tuple(read_part(v, Part) for v in value),
    )
    read_item = _reader(converter, get_args(Item), UnknownItem)
    converter.register_structure_hook_func(lambda cls: cls == Item, read_item)
    return converter


def _exactly(value: Any, cls: type) -> Any:
    accepted = (int, float) if cls is float else cls
    if not isinstance(value, accepted) or (isinstance(value, bool) and cls is not bool):
        raise TypeError(f"expected {cls.__name__}, got {got(value, 100)}")
    return value


def _writer(converter: Converter, cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    from cattrs.gen import make_dict_unstructure_fn, override

    # An empty payload is written, too: without one, the reader takes the whole object for the payload.
    always: dict[str, Any] = {name: override(omit_if_default=False) for name in _names(cls) & {"payload"}}
    write = make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **always)
    return lambda value: {"type": cls.type, **write(value)}


def _reader(
    converter: Converter, known: tuple[type[Any], ...], unknown: type[Any]
) -> Callable[[Any, Any], Any]:
    """Return a hook that reads any of *known* by its tag, and everything else verbatim as *unknown*."""
    from cattrs.gen import make_dict_structure_fn

    by_tag = {cls.type: (cls, make_dict_structure_fn(cls, converter), _names(cls)) for cls in known}

    def read(data: Any, _: Any) -> Any:
        if not isinstance(data, Mapping):
            raise TypeError(f"expected an object, got {got(data, 100)}")
        tag = data.get("type")
        if not isinstance(tag, str) or tag not in by_tag or (tag == unknown.type and "payload" not in data):
            return unknown(data)
        cls, structure, names = by_tag[tag]
        rest = {k: v for k, v in data.items() if k not in names and k != "type"}
        if not rest:
            return structure(data, cls)
        if "extra" not in names:
            return unknown(data)
        return structure({**data, "extra": {**data.get("extra", {}), **rest}}, cls)

    return read


def _names(cls: type[Any]) -> frozenset[str]:
    return frozenset(attribute.name for attribute in cls.__attrs_attrs__)
