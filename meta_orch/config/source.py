"""YAML read together with the line that each key stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and indices of lists, from the outside in."""


class Malformed(Exception):
    """The text is not YAML; `line` counts from 1, and is None where it cannot be told."""

    def __init__(self, line: int | None, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


@dataclass
class Source:
    """What a YAML text says, and where."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """The line, from 1, of each key and each item of a list."""
    repeated: list[tuple[KeyPath, int]] = field(default_factory=list)
    """Keys that a mapping already has, with the line of each repetition."""

    def line(self, at: KeyPath) -> int:
        """The line of a value, or of the nearest thing that holds it."""
        while at not in self.lines and at:
            at = at[:-1]
        return self.lines.get(at, 1)


def read_yaml(text: str) -> Source:
    """Read one YAML document.

    Raises:
        Malformed: it is not YAML, is more than one document, or holds a key that is no text.
    """
    source = Source()
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            source.data = _Reader(loader, source).read(root, (), ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Malformed(mark.line + 1 if mark else None, _without_content(error)) from None
    except RecursionError:
        raise Malformed(None, "it is nested too deeply") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Malformed(line, f"the character U+{error.character:04X} is not allowed") from None
    return source


_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_ONE_LETTER = len("'x'")


def _without_content(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's own words less what it quotes, which may be a secret."""
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return _QUOTED.sub(
        lambda quoted: quoted[0] if len(quoted[0]) == _ONE_LETTER else "'...'", words
    )


class _Reader:
    def __init__(self, loader: yaml.SafeLoader, source: Source) -> None:
        self._loader = loader
        self._source = source
        self._searched: list[yaml.Node] = []
        """Mappings whose repeated keys are known; an alias leads to the same one again."""

    def read(self, node: yaml.Node, at: KeyPath, above: tuple[yaml.Node, ...]) -> Any:
        line = node.start_mark.line + 1
        if any(node is outer for outer in above):
            raise Malformed(line, "a value holds itself by its own alias")
        above = (*above, node)
        self._source.lines.setdefault(at, line)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*at, index), above) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            self._find_repeated_keys(node, at)
            self._loader.flatten_mapping(node)  # brings in what `<<` names
            items: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = self._read_key(key_node)
                self._source.lines[*at, key] = key_node.start_mark.line + 1
                items[key] = self.read(value_node, (*at, key), above)
            return items
        try:
            return self._loader.construct_object(node)
        except ValueError:  # as for 2026-13-01
            raise Malformed(line, "this looks like a date or a number and is none") from None

    def _find_repeated_keys(self, node: yaml.MappingNode, at: KeyPath) -> None:
        if any(node is searched for searched in self._searched):
            return
        self._searched.append(node)
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self._read_key(key_node)
            if key in seen:
                self._source.repeated.append(((*at, key), key_node.start_mark.line + 1))
            seen.add(key)

    def _read_key(self, node: yaml.Node) -> str:
        key = self._loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise Malformed(node.start_mark.line + 1, "a key must be text: put it in quotes")
        return key
