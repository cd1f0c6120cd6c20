# SPDX-License-Identifier: MIT
"""The part of JSON Schema 2020-12 that data/openapi.json uses, and nothing else: an unknown keyword is an error, so none is
ever ignored.

    schema = Schema(document)
    schema.problems({"$ref": "#/components/schemas/Error"}, reply.json)      a list of sentences, empty: valid
"""
import re
from datetime import datetime
from typing import Any, Iterator
from uuid import UUID

NOTES = {"description", "default"}
NUMBER = {"integer": int, "number": (int, float)}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), **NUMBER}


def is_of_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])  # type: ignore[arg-type]


def equal(a: Any, b: Any) -> bool:
    """Equality as in JSON: true is not 1."""
    return type(a) is type(b) and a == b


def has_format(value: str, name: str) -> bool:
    try:
        if name == "uuid":
            return str(UUID(value)) == value
        assert name == "date-time", name
        return datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None
    except ValueError:
        return False


class Schema:
    def __init__(self, document: Any):
        self.document = document

    def resolve(self, reference: str) -> Any:
        assert reference.startswith("#/"), reference
        node = self.document
        for step in reference[2:].split("/"):
            node = node[step]
        return node

    def follow(self, node: Any) -> Any:
        while "$ref" in node:
            node = self.resolve(node["$ref"])
        return node

    def problems(self, schema: Any, value: Any, where: str = "$") -> list[str]:
        return list(self._check(schema, value, where))

    def _check(self, schema: Any, value: Any, where: str) -> Iterator[str]:
        for keyword, argument in schema.items():
            if keyword not in NOTES:
                check = getattr(self, "_" + keyword.replace("$", ""), None)
                assert check, f"{where}: this validator does not know {keyword!r}"
                yield from check(argument, value, where, schema)

    def _ref(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        yield from self._check(self.resolve(argument), value, where)

    def _type(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        names = [argument] if isinstance(argument, str) else argument
        if not any(is_of_type(value, name) for name in names):
            yield f"{where} is not of type {argument}: {value!r}"

    def _enum(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if not any(equal(value, permitted) for permitted in argument):
            yield f"{where} is none of {argument}: {value!r}"

    def _const(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if not equal(value, argument):
            yield f"{where} is not {argument!r}: {value!r}"

    def _allOf(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        for part in argument:
            yield from self._check(part, value, where)

    def _anyOf(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        tries = [self.problems(part, value, where) for part in argument]
        if all(tries):
            yield f"{where} fits nothing: {tries}"

    def _required(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (f"{where} has no {name!r}" for name in argument if name not in value)

    def _properties(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name in value.keys() & argument.keys():
                yield from self._check(argument[name], value[name], f"{where}.{name}")

    def _additionalProperties(self, argument: Any, value: Any, where: str, schema: Any) -> Iterator[str]:
        assert argument is False, where
        if isinstance(value, dict):
            yield from (f"{where} has an unknown {name!r}" for name in value.keys() - schema["properties"].keys())

    def _items(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, list):
            for n, item in enumerate(value):
                yield from self._check(argument, item, f"{where}[{n}]")

    def _maxItems(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, list) and len(value) > argument:
            yield f"{where} has {len(value)} items"

    def _minLength(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, str) and len(value) < argument:
            yield f"{where} is too short"

    def _minimum(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if is_of_type(value, "number") and value < argument:
            yield f"{where} is below {argument}: {value}"

    def _pattern(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, str) and not re.search(argument.replace("$", r"\Z"), value):
            yield f"{where} does not match {argument}: {value!r}"

    def _format(self, argument: Any, value: Any, where: str, _: Any) -> Iterator[str]:
        if isinstance(value, str) and not has_format(value, argument):
            yield f"{where} is no {argument}: {value!r}"
