"""YAML with places: every value is asked for by name, kind and range, and every mistake is kept.

A mistake does not end the reading: a harmless value takes its place, so that all mistakes of a
file are told at once.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

import numpy as np
import yaml

from hardware.cell.schema import CellError
from robot_skills.core.errors import RefusedError, unknown_name

_E = TypeVar("_E", bound=Enum)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_ROS_NAME = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


class Mistakes:
    """Of one file.

    Args:
        path: Of the file.

    Attributes:
        places: ``file:line`` of every field that was asked for, by dotted name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[str, str] = {}
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, field: str, what: str) -> None:
        """Keep a mistake; `line` counts from zero."""
        name = f" {field}:" if field else ""
        entry = (line, f"{self.path}:{line + 1}:{name} {what}")
        if entry not in self._found:
            self._found.append(entry)

    @property
    def any(self) -> bool:
        return bool(self._found)

    def raise_if_any(self) -> None:
        """Raises `CellError` with all of them, in the order of the file."""
        if self._found:
            raise CellError(self.path, tuple(text for _, text in sorted(self._found)))


class Section:
    """A mapping of a file, or one that is missing.

    Args:
        node: The mapping; None where there is none.
        name: Dotted name.
        mistakes: Where mistakes go.
        line: Where it would stand, counted from zero.
    """

    def __init__(
        self, node: yaml.Node | None, name: str, mistakes: Mistakes, line: int = 0
    ) -> None:
        self.name, self._mistakes = name, mistakes
        self._line = line if node is None else node.start_mark.line
        self._values: dict[str, tuple[yaml.Node, int]] = {}
        self._asked: set[str] = set()
        self.given = node is not None
        if name:
            mistakes.places[name] = f"{mistakes.path}:{self._line + 1}"
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            mistakes.add(self._line, name, "needs fields, each as `name: value`.")
            return
        for key, value in node.value:
            word, line = str(key.value), key.start_mark.line
            if word in self._values:
                mistakes.add(line, self._full(word), "is given twice.")
            self._values[word] = (value, line)
            mistakes.places[self._full(word)] = f"{mistakes.path}:{line + 1}"

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def has(self, key: str) -> bool:
        """Whether a field is given, and not empty."""
        self._asked.add(key)
        found = self._values.get(key)
        return found is not None and not _is_null(found[0])

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def mistake(self, key: str, what: str) -> None:
        """Something is wrong with a field, or with the section where there is no such field."""
        line = self._values[key][1] if key in self._values else self._line
        self._mistakes.add(line, self._full(key) if key else self.name, what)

    def finish(self) -> None:
        """Refuse fields that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                self.mistake(key, str(unknown_name("field", key, self._asked)))

    # Values

    def text(self, key: str, default: str | None = None) -> str:
        """Words; without a default they have to be there."""
        value = self._scalar(key, default, "a word")
        return "" if value is None else value

    def name_of(self, key: str, default: str | None = None) -> str:
        """A name: letters, digits, underscores and hyphens."""
        return self._matching(
            key, default, _NAME, "letters, digits, underscores and hyphens, a letter first"
        )

    def ros_name(self, key: str, default: str | None = None) -> str:
        """A name of ROS: of a topic, an action, a namespace."""
        return self._matching(
            key,
            default,
            _ROS_NAME,
            "a name of ROS: words of letters, digits and underscores with slashes between them",
        )

    def _matching(self, key: str, default: str | None, form: re.Pattern[str], what: str) -> str:
        value = self.text(key, default)
        if value and not form.fullmatch(value):
            self.mistake(key, f"{value!r} is not {what}.")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._scalar(key, None, "true or false", needed=False)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            self.mistake(key, f"{value!r} is neither true nor false.")
        return value.lower() == "true"

    def choice(self, key: str, kind: type[_E], default: _E | None = None) -> _E:
        """One of the words of an enumeration."""
        first = default if default is not None else next(iter(kind))
        value = self._scalar(key, None, "a word", needed=default is None)
        if value is None:
            return first
        return self.among(key, value, kind, first)

    def among(self, key: str, value: str, kind: type[_E], fallback: _E) -> _E:
        """The member of an enumeration with this value."""
        members = {str(member.value): member for member in kind}
        if value not in members:
            self.mistake(key, str(unknown_name(key.replace("_", " "), value, members)))
            return fallback
        return members[value]

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        unit: str = "",
    ) -> float:
        """A number in [low, high]."""
        node = self.node_of(key, needed=default is None)
        if node is None:
            return default if default is not None else max(low, 0.0)
        return self.as_number(key, node, low, high, unit, default or max(low, 0.0))

    def whole(self, key: str, default: int | None, *, low: int, high: int) -> int | None:
        """A whole number in [low, high], or the default."""
        node = self.node_of(key, needed=False)
        if node is None:
            return default
        value = self.as_number(key, node, low, high, "", low)
        if value != int(value):
            self.mistake(key, f"{value} is no whole number.")
        return int(value)

    def numbers(
        self,
        key: str,
        count: int | None,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        unit: str = "",
        needed: bool = False,
        spread: bool = False,
    ) -> np.ndarray | None:
        """Numbers in [low, high]; None where they are not given, or wrong.

        Args:
            key: Of the field.
            count: How many; None takes any number of them.
            low: Lowest.
            high: Highest.
            unit: For messages.
            needed: Whether they have to be there.
            spread: Whether a single number stands for all.
        """
        node = self.node_of(key, needed=needed)
        if node is None:
            return None
        if spread and isinstance(node, yaml.ScalarNode) and count is not None:
            return np.full(count, self.as_number(key, node, low, high, unit, math.nan))
        items = self.items_of(key, node)
        if items is None:
            return None
        if count is not None and len(items) != count:
            self.mistake(key, f"needs {count} numbers, has {len(items)}.")
            return None
        values = [self.as_number(key, item, low, high, unit, math.nan) for item in items]
        return None if np.isnan(values).any() else np.array(values)

    def words(self, key: str, *, needed: bool = False) -> tuple[str, ...]:
        """A list of words without repetition."""
        node = self.node_of(key, needed=needed)
        items = None if node is None else self.items_of(key, node)
        words = []
        for item in items or ():
            if not isinstance(item, yaml.ScalarNode) or not item.value:
                self._mistakes.add(item.start_mark.line, self._full(key), "needs words.")
                continue
            if item.value in words:
                self._mistakes.add(
                    item.start_mark.line, self._full(key), f"{item.value!r} is there twice."
                )
            words.append(item.value)
        return tuple(words)

    def section(self, key: str, *, needed: bool = False) -> "Section":
        """A mapping below; one without fields where it is not given."""
        node = self.node_of(key, needed=needed)
        return Section(node, self._full(key), self._mistakes, self._line)

    def sections(self) -> Mapping[str, "Section"]:
        """All fields, each a mapping."""
        self._asked.update(self._values)
        return {
            key: Section(node, self._full(key), self._mistakes)
            for key, (node, _) in self._values.items()
        }

    def attempt(self, make: Callable[[], object], key: str = "") -> object | None:
        """Make something of what was read; what contradicts itself is a mistake here."""
        try:
            return make()
        except (ValueError, RefusedError) as error:
            self.mistake(key, str(error))
            return None

    # Nodes

    def node_of(self, key: str, *, needed: bool) -> yaml.Node | None:
        if self.has(key):
            return self._values[key][0]
        if needed:
            self.mistake("", f"needs {key!r}.")
        return None

    def _scalar(
        self, key: str, default: str | None, what: str, *, needed: bool | None = None
    ) -> str | None:
        node = self.node_of(key, needed=default is None if needed is None else needed)
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode):
            self.mistake(key, f"needs {what}.")
            return default
        return str(node.value)

    def items_of(self, key: str, node: yaml.Node) -> Sequence[yaml.Node] | None:
        if isinstance(node, yaml.SequenceNode):
            return node.value
        self.mistake(key, "needs a list, [a, b, ...].")
        return None

    def as_number(
        self, key: str, node: yaml.Node, low: float, high: float, unit: str, fallback: float
    ) -> float:
        line, field = node.start_mark.line, self._full(key)
        try:
            value = float(node.value)
        except (TypeError, ValueError):
            said = repr(node.value) if isinstance(node, yaml.ScalarNode) else "this"
            self._mistakes.add(line, field, f"{said} is no number.")
            return fallback
        if not math.isfinite(value) or not low <= value <= high:
            span = f"[{low:g}, {high:g}]{' ' + unit if unit else ''}"
            self._mistakes.add(line, field, f"{value:g} is outside {span}.")
            return fallback
        return value


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def open_file(path: Path) -> tuple[Section, Mistakes]:
    """The outermost section of a file.

    Raises:
        CellError: The file cannot be read, or is no YAML.
    """
    mistakes = Mistakes(path)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise CellError(path, (f"{path}: {error.strerror or error}.",)) from None
    except UnicodeDecodeError:
        raise CellError(path, (f"{path}: is no text in UTF-8.",)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise CellError(path, (f"{path}:{line}: {error.problem or error.context}.",)) from None
    except yaml.YAMLError as error:
        raise CellError(path, (f"{path}: {' '.join(str(error).split())}.",)) from None
    if node is None:
        raise CellError(path, (f"{path}:1: the file is empty.",))
    return Section(node, "", mistakes), mistakes
