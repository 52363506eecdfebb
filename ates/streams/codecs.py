"""Codecs of keys and values, by name and by class: `json`, `text`, `raw`, `avro` (Faust calls them the same)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from ates.streams.avro import Avro
from ates.streams.batch import Undecodable
from ates.streams.unsupported import Unsupported


@runtime_checkable
class Codec(Protocol):
    """How a key or a value becomes bytes, and bytes a value. A null of Kafka is None and never gets here."""

    def loads(self, data: bytes) -> Any:
        """Raises `Undecodable` (or `ValueError`) for bytes that are no such value."""

    def dumps(self, value: Any) -> bytes:
        """Raises `TypeError` or `ValueError` for a value that is none of these."""


class Raw:
    """Bytes as they are. Text may be sent too: it is written in UTF-8."""

    def loads(self, data: bytes) -> bytes:
        """`data` itself."""
        return data

    def dumps(self, value: Any) -> bytes:
        """Raises `TypeError` for what is neither bytes nor text."""
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, bytes):
            return value
        raise TypeError(f"{value!r} is neither bytes nor text: name the topic's key_type or value_type")


class Text:
    """UTF-8."""

    def loads(self, data: bytes) -> str:
        """Raises `Undecodable`, code `not_utf8`."""
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Undecodable("not_utf8", f"this is no UTF-8: {error}") from error

    def dumps(self, value: Any) -> bytes:
        """Raises `TypeError` for what is no text."""
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text: name the topic's key_type or value_type")
        return value.encode()


class Json:
    """JSON of `type`: whatever msgspec reads and writes (dataclasses, Structs, numbers, lists, dates, …), or a
    `faust.Record`. Without a type: plain JSON."""

    def __init__(self, type: Any = Any) -> None:
        self._from_data: Callable[[Any], Any] | None = getattr(type, "from_data", None)
        if self._from_data is None and not is_readable(type):
            raise Unsupported(f"{type!r} cannot be read from JSON; use a dataclass, or pass a codec of your own")
        self._decode = msgspec.json.Decoder(Any if self._from_data else type).decode
        self._encode = msgspec.json.Encoder(enc_hook=_plain).encode

    def loads(self, data: bytes) -> Any:
        """Raises `Undecodable`, code `not_json` or `other_fields`."""
        try:
            value = self._decode(data)
            return value if self._from_data is None else self._from_data(value)
        except msgspec.ValidationError as error:
            raise Undecodable("other_fields", str(error)) from error
        except (ValueError, msgspec.MsgspecError) as error:
            raise Undecodable("not_json", f"this is no JSON: {error}") from error
        except (TypeError, KeyError, AttributeError) as error:
            raise Undecodable("other_fields", f"{type(error).__name__}: {error}") from error

    def dumps(self, value: Any) -> bytes:
        """Raises `TypeError` for a value that JSON has no form for."""
        return self._encode(value)


def _plain(value: Any) -> Any:
    """A `faust.Record` as JSON has it."""
    to_representation = getattr(value, "to_representation", None)
    if to_representation is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return to_representation()


def is_readable(type: Any) -> bool:
    """Whether msgspec reads values of `type` back from JSON as they were."""
    try:
        msgspec.json.schema(type)
    except TypeError:
        return False
    return True


NAMES = ("json", "text", "raw", "avro")
_OF_TYPE: Mapping[Any, Callable[[], Codec]] = {bytes: Raw, str: Text}
_REFUSED = {
    "pickle": "bytes of a topic must not be able to run code",
    "binary": "raw writes bytes as they are",
    "yaml": "yaml is not here; pass a codec of your own",
}


def codec_of(type: Any, serializer: Any, default: Any = None) -> Codec:
    """The codec for values of `type`: `serializer` by name, class or instance; else by the type; else `default`."""
    named = getattr(getattr(type, "_options", None), "serializer", None)  # of a `faust.Record`
    if serializer is None and named is not None:
        serializer = named
    if serializer is None and type is not None:
        return _OF_TYPE[type]() if type in (bytes, str) else Json(type)
    chosen = default if serializer is None else serializer
    if isinstance(chosen, str):
        return _by_name(chosen, type)
    made = chosen() if isinstance(chosen, builtins_type) else chosen
    if not isinstance(made, Codec):
        raise Unsupported(f"{chosen!r} is no codec: it needs loads(bytes) and dumps(value)")
    return made


builtins_type = type


def _by_name(name: str, type: Any) -> Codec:
    if name == "json":
        return Json(Any if type is None else type)
    if name == "raw":
        return Raw()
    if name == "text":
        return Text()
    if name == "avro":
        if not hasattr(type, "avro_schema"):
            raise Unsupported("avro needs a schema: pass Avro(schema), or a value_type with avro_schema()")
        return Avro(type)
    reason = _REFUSED.get(name, f"there are {', '.join(NAMES)}, and any object with loads and dumps")
    raise Unsupported(f"serializer {name!r}: {reason}")
