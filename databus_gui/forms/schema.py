"""What a JSON Schema says of one value, as far as a form needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias, cast

from databus_core.model.passenger import Json

RawSchema: TypeAlias = Mapping[str, Any]

PICKED_ENDINGS = ("_module", "_factory")
"""A text whose name ends like this names a module."""


class Kind(StrEnum):
    """What sort of value a schema describes; OTHER is everything the form has no field for."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "array"
    OBJECT = "object"
    OTHER = "other"


class Schema:
    """One value of a document: what it is called, what it may be, what it is when nobody says."""

    def __init__(
        self, raw: RawSchema, root: RawSchema | None = None, *, name: str = "", required: bool = False
    ) -> None:
        self._root = raw if root is None else root
        self._raw, self.nullable = self._resolved(raw)
        self.name = name
        self.required = required

    def _resolved(self, raw: RawSchema) -> tuple[RawSchema, bool]:
        """References followed, and `null` as one of two alternatives taken out."""
        merged, nullable = dict(raw), False
        for _ in range(20):  # a chain of references longer than this goes in a circle
            alternatives = cast("list[RawSchema]", merged.get("anyOf", merged.get("oneOf", [])))
            plain = [alternative for alternative in alternatives if alternative.get("type") != "null"]
            if "$ref" in merged:
                merged = {**self._referenced(str(merged.pop("$ref"))), **merged}
            elif len(plain) == 1:
                nullable = nullable or len(alternatives) > 1
                merged = {**plain[0], **{key: value for key, value in merged.items() if key not in ("anyOf", "oneOf")}}
            elif len(cast("list[RawSchema]", merged.get("allOf", []))) == 1:
                inner = cast("list[RawSchema]", merged.pop("allOf"))[0]
                merged = {**inner, **merged}
            else:
                break
        return merged, nullable or ("default" in merged and merged["default"] is None and "type" in merged)

    def _referenced(self, reference: str) -> RawSchema:
        place: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            place = place[part.replace("~1", "/").replace("~0", "~")]
        return cast("RawSchema", place)

    @property
    def kind(self) -> Kind:
        """What sort of value this is."""
        if "enum" in self._raw or "const" in self._raw:
            return Kind.CHOICE
        if self._raw.get("type") == "array" and not isinstance(self._raw.get("items"), dict):
            return Kind.OTHER
        if self._raw.get("type") == "object" and "properties" not in self._raw:
            return Kind.OTHER
        try:
            return Kind(str(self._raw.get("type")))
        except ValueError:
            return Kind.OTHER

    @property
    def title(self) -> str:
        """A name for people: `web_server_port` is "Web server port"."""
        words = self.name.replace("_", " ").strip()
        return words[:1].upper() + words[1:]

    @property
    def help(self) -> str:
        """What the field is for; empty when the schema does not say."""
        return str(self._raw.get("description", ""))

    @property
    def has_default(self) -> bool:
        """Whether the schema itself says what the value is when nobody gives one."""
        return "default" in self._raw

    @property
    def default(self) -> Json:
        """The value when nobody gives one; an empty one of the kind where the schema does not say."""
        return cast("Json", self._raw["default"]) if self.has_default else self.blank

    @property
    def blank(self) -> Json:
        """An empty value of the kind. None is a number or a choice that nobody has made yet."""
        if self.nullable:
            return None
        if self.kind is Kind.OTHER:
            return {} if self._raw.get("type") == "object" else [] if self._raw.get("type") == "array" else None
        blanks: dict[Kind, Json] = {Kind.TEXT: "", Kind.BOOLEAN: False, Kind.LIST: [], Kind.OBJECT: {}}
        return blanks.get(self.kind)

    @property
    def format(self) -> str:
        """JSON Schema's `format` (password, path, date-time ...); empty for plain values."""
        return str(self._raw.get("format", ""))

    @property
    def group(self) -> str:
        """Under which heading the field belongs; "advanced" is folded in at first."""
        return str(self._raw.get("group", ""))

    @property
    def picker(self) -> str:
        """Name of the list of modules that is offered for this text; empty when none is."""
        if self.kind is not Kind.TEXT:
            return ""
        return str(self._raw.get("picker", self.name if self.name.endswith(PICKED_ENDINGS) else ""))

    @property
    def choices(self) -> list[Json]:
        """The allowed values of a choice."""
        return list(self._raw.get("enum", [self._raw["const"]] if "const" in self._raw else []))

    @property
    def least(self) -> float | None:
        """The least number that is allowed."""
        return cast("float | None", self._raw.get("minimum", self._raw.get("exclusiveMinimum")))

    @property
    def greatest(self) -> float | None:
        """The greatest number that is allowed."""
        return cast("float | None", self._raw.get("maximum", self._raw.get("exclusiveMaximum")))

    @property
    def item(self) -> Schema:
        """What the items of a list are."""
        return Schema(self._raw["items"], self._root)

    @property
    def properties(self) -> list[Schema]:
        """The fields of an object, in the model's order."""
        required = cast("list[str]", self._raw.get("required", []))
        fields = cast("dict[str, RawSchema]", self._raw.get("properties", {}))
        return [Schema(raw, self._root, name=name, required=name in required) for name, raw in fields.items()]


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same in JSON: `1`, `1.0` and `true` are three different ones."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
