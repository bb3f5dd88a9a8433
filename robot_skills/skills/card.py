"""Skill cards: what a skill is called, needs, achieves, sees, and how well it was measured to work.

A card is a YAML file beside the checkpoint it describes. Everything in it is checked when it is
read, so that a typing error in a card is found before a robot moves.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from robot_skills.core.binding import Anchor
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.policy import TOKEN_SLOTS
from robot_skills.core.predicates import arity
from robot_skills.core.scene import TABLE, Entity, Scene

CARD_FILE = "card.yaml"

_LITERAL = re.compile(r"\s*(?P<no>not\s+)?(?P<name>\w+)\s*\((?P<args>[^()]*)\)\s*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class _CardLoader(yaml.SafeLoader):
    """YAML in which `on` and `off` are words: in YAML 1.1 they are booleans, here a relation."""


_CardLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class SkillKind(Enum):
    """Where the motion comes from."""

    LEARNED = "learned"
    SCRIPTED = "scripted"


class ParameterType(Enum):
    """What an argument may name."""

    MOVABLE = "movable"
    CONTAINER = "container"
    ARTICULATED = "articulated"
    SUPPORT = "support"
    CONTROL = "control"
    AREA = "area"
    WORD = "word"

    def admits(self, entity: Entity) -> bool:
        """Whether an entity is of this type."""
        match self:
            case ParameterType.MOVABLE:
                return entity.movable and entity.name != TABLE
            case ParameterType.CONTAINER:
                return entity.cavity is not None
            case ParameterType.ARTICULATED:
                return entity.articulation is not None
            case ParameterType.SUPPORT:
                return True
            case ParameterType.CONTROL:
                return entity.control is not None
            case ParameterType.AREA:
                return entity.painted
            case ParameterType.WORD:
                return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One argument of a skill; `choices` are the accepted words of a `WORD`."""

    name: str
    type: ParameterType
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.type is ParameterType.WORD) != bool(self.choices):
            raise ValueError(f"parameter {self.name!r}: a word needs choices, nothing else may")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenTemplate:
    """Which argument becomes a token of the policy, and which frame of it."""

    argument: str
    anchor: Anchor


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillCase:
    """What holds for the calls whose words match `when`.

    Attributes:
        when: Wanted word per parameter; empty for every call.
        preconditions: Templates over the arguments, for example ``holding({object})``.
        effects: Templates of what holds afterwards.
        tokens: What the policy sees, in order.
    """

    when: Mapping[str, str] = field(default_factory=dict)
    preconditions: tuple[Literal, ...] = ()
    effects: tuple[Literal, ...] = ()
    tokens: tuple[TokenTemplate, ...] = ()

    @property
    def entity_counts(self) -> tuple[int, int]:
        """Least and greatest number of entities that the policy sees; what slides has no hinge."""
        hinges = sum(token.anchor is Anchor.HINGE for token in self.tokens)
        return len(self.tokens) - hinges, len(self.tokens)

    def applies(self, args: Mapping[str, str]) -> bool:
        return all(args.get(name) == word for name, word in self.when.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class Termination:
    """A skill is done after `consecutive` chunks whose done probability reaches the threshold."""

    done_threshold: float = 0.5
    consecutive: int = 2

    def __post_init__(self) -> None:
        if not 0.0 < self.done_threshold <= 1.0 or self.consecutive < 1:
            raise ValueError("needs 0 < done_threshold <= 1 and consecutive >= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class SafetyEnvelope:
    """How far the skill itself may go; the safety gate checks the arm's own limits besides.

    Attributes:
        max_speed_m_s: Tool speed that its chunks are slowed down to.
        min_height_m: Lowest tool height above the table.
    """

    max_speed_m_s: float
    min_height_m: float = 0.0

    def __post_init__(self) -> None:
        if not self.max_speed_m_s > 0.0:
            raise ValueError("needs max_speed_m_s > 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """Commands that reproduce the checkpoint."""

    generate: str
    train: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteResult:
    """Measured success of the skill.

    Attributes:
        suite: What was run.
        arm: Kind of arm.
        scene: ``rgbd`` or ``truth``.
        n: Number of runs.
        successes: Runs that reached the goal in the simulator's truth.
        rate: successes / n.
        ci95: Wilson interval of the rate.
        seeds: Seeds of the runs, for example ``"1000-1099"``.
        command: Prints these numbers again.
    """

    suite: str
    arm: str
    scene: str
    n: int
    successes: int
    rate: float
    ci95: tuple[float, float]
    seeds: str
    command: str

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n or self.n < 1:
            raise ValueError("needs 0 <= successes <= n and n >= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillCard:
    """One skill of the library.

    Attributes:
        name: What calls name.
        kind: Learned or scripted.
        summary: One sentence.
        verbs: Forms of words that ask for it, with its parameters in braces.
        parameters: Its arguments, in order.
        cases: Exactly one applies to a call.
        on_request: Planned only when the words ask for it, or when nothing else will do.
        timeout_s: It is stopped after this time.
        attempts: How often it is worth trying.
        safety: Its envelope.
        termination: When a learned skill is done.
        checkpoint: File name of the weights of a learned skill, in `directory`.
        training: How the checkpoint was made.
        results: How well it was measured to work.
        directory: Where the card lies.
    """

    name: str
    kind: SkillKind
    summary: str
    verbs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    cases: tuple[SkillCase, ...]
    timeout_s: float
    attempts: int
    safety: SafetyEnvelope
    termination: Termination = Termination()
    checkpoint: str | None = None
    on_request: bool = False
    training: Training | None = None
    results: tuple[SuiteResult, ...] = ()
    directory: Path = Path()

    def __post_init__(self) -> None:
        if (self.kind is SkillKind.LEARNED) != (self.checkpoint is not None):
            raise ValueError("a learned skill names its checkpoint, a scripted one has none")
        if self.timeout_s <= 0.0 or self.attempts < 1:
            raise ValueError("needs timeout_s > 0 and attempts >= 1")
        self._check_templates()
        self._check_cases()

    @classmethod
    def load(cls, path: Path) -> "SkillCard":
        """Read a card.

        Raises:
            RefusedError: The file is missing, is not YAML, or says something that a card cannot
                say; the message names the file and the key.
        """
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), Loader=_CardLoader)
        except OSError as error:
            raise RefusedError(f"Skill card {path} cannot be read: {error.strerror}.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise RefusedError(f"Skill card {path} is not YAML: {reason}") from None
        try:
            return _card(data, path.parent)
        except (ValueError, TypeError) as error:
            raise RefusedError(f"Skill card {path}: {error}.") from None

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name. Raises `UnknownNameError`."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        kind = f"argument of {self.name}"
        raise unknown_name(kind, name, [parameter.name for parameter in self.parameters])

    def check_args(self, args: Mapping[str, str], scene: Scene | None = None) -> None:
        """Refuse arguments that the skill does not have, lacks, or that are of the wrong type.

        Args:
            args: Arguments of a call.
            scene: Where the entities are looked up; without it only names and words are checked.

        Raises:
            UnknownNameError: An argument, a word or an entity does not exist.
            RefusedError: An argument is missing, or its entity is not of the wanted type.
        """
        for name in args:
            self.parameter(name)
        for parameter in self.parameters:
            if parameter.name not in args:
                raise RefusedError(f"{self.name} needs the argument {parameter.name!r}.")
            value = args[parameter.name]
            if parameter.type is ParameterType.WORD:
                if value not in parameter.choices:
                    raise unknown_name(f"{self.name} {parameter.name}", value, parameter.choices)
            elif scene is not None and not parameter.type.admits(scene[value]):
                fitting = [entity.name for entity in scene if parameter.type.admits(entity)]
                raise RefusedError(
                    f"{self.name} needs something {parameter.type.value} as {parameter.name!r}, "
                    f"{value!r} is not. Available: {', '.join(fitting) or 'nothing'}."
                )

    def case(self, args: Mapping[str, str]) -> SkillCase:
        """The one case that applies to a call.

        Raises:
            RefusedError: The arguments are not those of the skill.
        """
        self.check_args(args)
        return next(case for case in self.cases if case.applies(args))

    def bind(self, template: Literal | str, args: Mapping[str, str]) -> Literal:
        """A template with its placeholders filled in.

        Raises:
            RefusedError: A placeholder has no argument.
        """
        literal = parse_literal(template) if isinstance(template, str) else template

        def fill(text: str) -> str:
            name = _placeholder(text)
            if name is None:
                return text
            if name not in args:
                raise RefusedError(f"{self.name} needs the argument {name!r} for {literal}.")
            return args[name]

        filled = tuple(fill(arg) for arg in literal.args)
        return Literal(predicate=literal.predicate, args=filled, negated=literal.negated)

    def preconditions(self, args: Mapping[str, str]) -> tuple[Literal, ...]:
        """What has to hold before a call."""
        return tuple(self.bind(template, args) for template in self.case(args).preconditions)

    def effects(self, args: Mapping[str, str]) -> tuple[Literal, ...]:
        """What holds after a call that went well."""
        return tuple(self.bind(template, args) for template in self.case(args).effects)

    def _check_templates(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError(f"parameters: names repeat in {names}")
        for case in self.cases:
            used = [
                name
                for literal in (*case.preconditions, *case.effects)
                for name in map(_placeholder, literal.args)
                if name is not None
            ]
            used += [token.argument for token in case.tokens]
            for name in used:
                if name not in names:
                    raise ValueError(f"cases: {name!r} is not a parameter, those are {names}")
            if len(case.tokens) > TOKEN_SLOTS:
                raise ValueError(f"cases: at most {TOKEN_SLOTS} tokens, got {len(case.tokens)}")
        for verb in self.verbs:
            for name in _PLACEHOLDER.findall(verb):
                if name not in names:
                    raise ValueError(f"verbs: {name!r} in {verb!r} is not a parameter")

    def _check_cases(self) -> None:
        words = [p for p in self.parameters if p.type is ParameterType.WORD]
        for case in self.cases:
            for name, word in case.when.items():
                if word not in next((p.choices for p in words if p.name == name), ()):
                    raise ValueError(f"cases: when {name}: {word} is not a choice of a parameter")
        for combination in itertools.product(*(parameter.choices for parameter in words)):
            args = {p.name: word for p, word in zip(words, combination, strict=True)}
            count = sum(case.applies(args) for case in self.cases)
            if count != 1:
                raise ValueError(f"cases: {count} of them apply to {args or 'a call'}, not one")


def parse_literal(text: str) -> Literal:
    """Parse ``"predicate(a, b)"`` or ``"not predicate(a)"``; arguments may be ``{placeholders}``.

    Raises:
        RefusedError: It does not have that form, or not as many arguments as the predicate takes.
        UnknownNameError: There is no such predicate.
    """
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise RefusedError(f"{text!r} is not of the form 'predicate(a, b)' or 'not predicate(a)'.")
    least, most = arity(match["name"])
    args = tuple(arg.strip() for arg in match["args"].split(",")) if match["args"].strip() else ()
    if not all(args):
        raise RefusedError(f"{text!r} has an empty argument.")
    if not least <= len(args) <= most:
        raise RefusedError(f"{text!r} has {len(args)} arguments, {match['name']} takes {least}.")
    return Literal(predicate=match["name"], args=args, negated=match["no"] is not None)


def _placeholder(text: str) -> str | None:
    match = _PLACEHOLDER.fullmatch(text)
    return None if match is None else match[1]


def _card(data: Any, directory: Path) -> SkillCard:
    fields_ = _mapping(data, SkillCard, "", without=("directory",))
    parameters = _list(fields_["parameters"], "parameters")
    optional: dict[str, Any] = {}
    if "termination" in fields_:
        optional["termination"] = _build(Termination, fields_["termination"], "termination")
    if "training" in fields_:
        optional["training"] = _build(Training, fields_["training"], "training")
    if "checkpoint" in fields_:
        optional["checkpoint"] = _plain_file_name(fields_["checkpoint"])
    if "on_request" in fields_:
        optional["on_request"] = _boolean(fields_["on_request"], "on_request")
    return SkillCard(
        name=_text(fields_["name"], "name"),
        kind=_member(SkillKind, fields_["kind"], "kind"),
        summary=_text(fields_["summary"], "summary"),
        verbs=_texts(fields_["verbs"], "verbs"),
        parameters=tuple(_parameter(item, i) for i, item in enumerate(parameters)),
        cases=tuple(_case(item, i) for i, item in enumerate(_list(fields_["cases"], "cases"))),
        timeout_s=_number(fields_["timeout_s"], "timeout_s"),
        attempts=_integer(fields_["attempts"], "attempts"),
        safety=_build(SafetyEnvelope, fields_["safety"], "safety"),
        results=tuple(
            _result(item, i) for i, item in enumerate(_list(fields_.get("results", []), "results"))
        ),
        directory=directory,
        **optional,
    )


def _parameter(item: Any, i: int) -> Parameter:
    at = f"parameters[{i}]."
    item = _mapping(item, Parameter, at)
    return Parameter(
        name=_text(item["name"], f"{at}name"),
        type=_member(ParameterType, item["type"], f"{at}type"),
        choices=_texts(item.get("choices", []), f"{at}choices"),
    )


def _case(item: Any, i: int) -> SkillCase:
    at = f"cases[{i}]."
    item = _mapping(item, SkillCase, at)
    tokens = []
    for j, token in enumerate(_list(item.get("tokens", []), f"{at}tokens")):
        token_at = f"{at}tokens[{j}]."
        token = _mapping(token, TokenTemplate, token_at)
        tokens.append(
            TokenTemplate(
                argument=_text(token["argument"], f"{token_at}argument"),
                anchor=_member(Anchor, token["anchor"], f"{token_at}anchor"),
            )
        )
    when = item.get("when", {})
    if not isinstance(when, dict):
        raise ValueError(f"{at}when: needs parameter: word, got {when!r}")
    return SkillCase(
        when={_text(k, f"{at}when"): _text(v, f"{at}when.{k}") for k, v in when.items()},
        preconditions=_literals(item.get("preconditions", []), f"{at}preconditions"),
        effects=_literals(item.get("effects", []), f"{at}effects"),
        tokens=tuple(tokens),
    )


def _result(item: Any, i: int) -> SuiteResult:
    at = f"results[{i}]"
    item = _mapping(item, SuiteResult, f"{at}.")
    low, high = _list(item["ci95"], f"{at}.ci95")
    return SuiteResult(**{**item, "ci95": (float(low), float(high)), "seeds": str(item["seeds"])})


def _build[T](kind: type[T], data: Any, at: str) -> T:
    try:
        return kind(**_mapping(data, kind, f"{at}."))
    except (TypeError, ValueError) as error:
        text = str(error)
        raise ValueError(text if text.startswith(at) else f"{at}: {text}") from None


def _mapping(data: Any, kind: type, at: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The items of a YAML mapping, all of which are fields of `kind`, no required one missing."""
    if not isinstance(data, dict):
        raise ValueError(f"{at or 'the card '}needs keys with values, got {data!r}")
    known = [item for item in fields(kind) if item.name not in without]
    names = [item.name for item in known]
    for key in data:
        if key not in names:
            raise ValueError(f"unknown key '{at}{key}', known are {', '.join(names)}")
    for item in known:
        required = item.default is MISSING and item.default_factory is MISSING
        if required and item.name not in data:
            raise ValueError(f"key '{at}{item.name}' is missing")
    return data


def _list(data: Any, at: str) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"{at}: needs a list, got {data!r}")
    return data


def _text(data: Any, at: str) -> str:
    if not isinstance(data, str) or not data:
        raise ValueError(f"{at}: needs text, got {data!r}")
    return data


def _texts(data: Any, at: str) -> tuple[str, ...]:
    return tuple(_text(item, f"{at}[{i}]") for i, item in enumerate(_list(data, at)))


def _number(data: Any, at: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError(f"{at}: needs a number, got {data!r}")
    return float(data)


def _boolean(data: Any, at: str) -> bool:
    # Words stay words in a card, see `_CardLoader`.
    if data not in ("true", "false", True, False):
        raise ValueError(f"{at}: needs true or false, got {data!r}")
    return data in ("true", True)


def _integer(data: Any, at: str) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise ValueError(f"{at}: needs a whole number, got {data!r}")
    return data


def _member[E: Enum](kind: type[E], data: Any, at: str) -> E:
    try:
        return kind(data)
    except ValueError:
        choices = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{at}: {data!r} is not one of {choices}") from None


def _literals(data: Any, at: str) -> tuple[Literal, ...]:
    out = []
    for i, text in enumerate(_texts(data, at)):
        try:
            out.append(parse_literal(text))
        except RefusedError as error:
            raise ValueError(f"{at}[{i}]: {error}") from None
    return tuple(out)


def _plain_file_name(data: Any) -> str:
    name = _text(data, "checkpoint")
    if Path(name).name != name:
        raise ValueError(f"checkpoint: needs a file name in the card's directory, got {name!r}")
    return name
