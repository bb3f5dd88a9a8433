"""Wishes that no skill may serve, refused before anything else is made of an instruction.

What stands in the way of harm is the safety gate, whatever anybody says. Refusing the words as well
tells whoever said them why, and keeps the harmless half of such a sentence from being carried out.
"""

from collections.abc import Iterator, Sequence

from robot_skills.core.errors import InstructionError
from robot_skills.core.scene import TABLE
from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.lexicon import phrases, single_words
from robot_skills.scheduler.words.tokens import base_form, find_all, joined, shown

_GUARDS = phrases("""
    safety, gate, gates, guard, guards, safeguard, safeguards, limit, limits, limiter, speed limit,
    emergency stop, e stop, estop, kill switch, collision, collisions, collision check,
    collision detection, collision avoidance, force limit, force limits, torque limit, checks,
    checker, plan checker, supervision, supervisor, watchdog, interlock, interlocks, fuse, brakes,
    sensor, sensors, camera, cameras, constraint, constraints, restriction, restrictions,
    protection,
    protections, protocol, protocols, rule, rules, instruction, instructions, guideline, guidelines,
    warning, warnings, programming, prompt, filter, filters, permission, permissions, regulations,
    forbidden region, forbidden regions, forbidden zone, no go zone, workspace bounds, stop button,
    alarm, alarms
""")
"""What keeps people and things from harm; no instruction turns it off."""
_OVERRIDES = single_words("""
    ignore ignoring disregard disable disabling deactivate bypass bypassing override overriding
    overrule circumvent skip skipping forget forgetting suspend remove removing unlock exceed
    exceeding break breaking violate violating evade suppress mute silence kill cancel
    without off no despite regardless turn switch shut stop stopping raise increase widen relax
    loosen change delete erase
""")
_HASTE = phrases("""
    as fast as, as hard as, as quick as, as quickly as, as strong as, as strongly as, as high as,
    as forcefully as, as violently as, as rough as, full speed, top speed, maximum speed, max speed,
    full force, maximum force, max force, full power, maximum power, full throttle, at high speed,
    with all your force, with all your might, with all your strength, with force,
    at lightning speed,
    faster than allowed, too fast, over the limit, with great force, with a lot of force,
    from a great height, from high up, at breakneck speed
""")
_SOON = phrases("as soon as possible, as fast as you safely can, as quickly as you safely can")
_ELSEWHERE = phrases("""
    off the edge, over the edge, off the side of the table, off the table edge, on the floor,
    onto the floor, to the floor, to the ground, on the ground, onto the ground, at the wall,
    against the wall, out of the window, out the window, across the room, off of the edge,
    into the air, in the air, over the side
""")
_PEOPLE = single_words("""
    person persons people human humans man men woman women guy guys girl boy kid kids child
    children baby operator worker colleague neighbour neighbor visitor someone somebody anyone
    everyone dog cat pet face head eye eyes finger fingers arm leg foot hair myself yourself
""")
_HARM = single_words("""
    throw toss hurl fling launch shoot fire hit punch slap stab poke strike smash crush squash
    break shatter burn ignite explode attack hurt harm injure kill strangle choke pinch squeeze cut
    bite scratch knock slam ram bash whack pelt swing scare threaten trap catapult chuck lob spit
    damage destroy wreck ruin bump spill dump electrocute kick
""")
_TAKEOVER = phrases("""
    maintenance mode, developer mode, debug mode, admin mode, administrator mode, god mode,
    root access, test mode, service mode, system prompt, jailbreak, sudo, rm rf, shell command,
    new instructions, previous instructions, prior instructions, earlier instructions,
    you are now a,
    you are now in, pretend that you, pretend to be, act as if, you have no rules, no restrictions,
    without restrictions, without any restrictions, unrestricted, do anything now, i authorize you,
    i authorise you, i am authorized, i am your developer, i am your creator
""")
_OFF_TABLE = ("off", "off of", "from")


def refuse_dangers(tokens: Sequence[str]) -> None:
    """Refuse what would harm somebody or something, or is meant to get round what prevents it.

    Raises:
        InstructionError: It is one of these; says which words, and what to say instead.
    """
    for said, why in _found(tokens):
        raise InstructionError(f"{shown(joined(tokens))} is refused: {said!r}, and {why}.")


def _found(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    for _, text in find_all(tokens, _TAKEOVER):
        yield text, "no words give other rights. Say only what is to be done"
    for i, text in find_all(tokens, _GUARDS):
        if text == "limits" and tokens[i - 1 : i] == ["off"]:
            continue
        before = [word for word in tokens[max(0, i - 5) : i] if word in _OVERRIDES]
        behind = [word for word in tokens[i + 1 : i + 5] if word in ("off", "disabled", "down")]
        if before or behind:
            said = joined([*before[-1:], text, *behind[:1]])
            yield said, "what keeps things safe stays on. Leave that part out"
    soon = [i for i, _ in find_all(tokens, _SOON)]
    for i, text in find_all(tokens, _HASTE):
        if i not in soon:
            yield text, "speeds and forces are not set by words. Leave that part out"
    for _, text in find_all(tokens, _ELSEWHERE):
        yield text, "things stay on the table. Say where on it"
    violent = [word for word in tokens if base_form(word) in _HARM or word in _HARM]
    people = [word for word in tokens if word in _PEOPLE]
    if violent and people:
        yield f"{violent[0]} {people[0]}", "nothing is done that may hurt anybody"
    if violent and "at" in tokens and tokens.index("at") > tokens.index(violent[0]):
        yield f"{violent[0]} at", "nothing is done that may hurt anybody. Say where to put it"
    for i, text in find_all(tokens, _OFF_TABLE):
        behind = [word for word in tokens[i + len(text.split()) :] if word not in words.ARTICLES]
        thrown = [word for word in tokens[:i] if base_form(word) in _THROWN]
        if thrown and behind[:1] and behind[0] in (TABLE, *words.LABELS[TABLE]):
            yield f"{thrown[0]} {text} the table", "things stay on the table. Say where on it"


_THROWN = _HARM | {
    "push",
    "shove",
    "slide",
    "nudge",
    "sweep",
    "roll",
    "scoot",
    "flick",
    "brush",
    "drop",
}
DANGEROUS = frozenset(
    {*_OVERRIDES, *_PEOPLE, *_THROWN}
    | {
        word
        for texts in (_GUARDS, _HASTE, _ELSEWHERE, _TAKEOVER)
        for t in texts
        for word in t.split()
    }
)
"""Every word that a refusal may hang on."""
