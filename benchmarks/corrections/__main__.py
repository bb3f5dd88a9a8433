"""Whether people have to say again what they have said before.

Simulated users have wishes of which the instructions say nothing: which side a thing is put on, how
high the hand waits, which of several alike is taken, how far from the table's edge or from another
thing something is put, and that the drawer is closed afterwards. Each user comes three times to
each of four of these families, to other things in other layouts and with other words, watches, and
corrects until it is right. Between visits nothing is kept but the user's file of corrections.
Afterwards come tasks that no wish is about: there nothing may be remembered.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.corrections.families import Task, Taste, Wish, controls, draw
from benchmarks.corrections.user import MOST, Reaction, User
from benchmarks.corrections.wordings import HELD_OUT, SEEN, reading_scores, wordings
from robot_skills.app.corrections.desk import CorrectionsConfig
from robot_skills.app.evaluate import wilson
from robot_skills.app.intervals import bootstrap_interval
from robot_skills.app.pool import in_order
from robot_skills.app.trials import loaded_policy
from robot_skills.app.wiring import CellConfig, simulated_cell
from robot_skills.core.errors import RefusedError

FIRST_SEED = 1_500_000
"""Scenes from here on were never used to choose anything."""
OUT = Path("outputs/corrections")
VISITS = 3
_PLACES = (Wish.SIDE, Wish.EDGE, Wish.BESIDE)
"""Families about places on the table; a user has one of them, or they would meet in a scene."""
_ALWAYS = (Wish.HEIGHT, Wish.WHICH, Wish.CLOSE)
_TRIES = 3
"""Runs of one visit after which a user gives up, however few corrections were needed."""
_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One visit of one user, or one control, as it is written down.

    Attributes:
        user: Number of the user.
        wordings: Whether its first visit spoke in wordings that were seen, or held out.
        wish: What was wanted; ``control`` when nothing was.
        visit: From 0.
        instruction: The words.
        corrections: How many were said.
        refused: How many of these were not understood or could not be.
        met: The wish holds in truth at the end.
        remembered: Corrections that came by themselves.
        wrong: How many of these belong to other wishes.
        runs: How often it was tried.
        reactions: To corrections.
    """

    user: int
    wordings: str
    wish: str
    visit: int
    instruction: str
    corrections: int
    refused: int
    met: bool
    remembered: int
    wrong: int
    runs: int
    reactions: Sequence[Reaction]


def user_visits(seed: int, user: int) -> list[Visit]:
    """All visits and controls of one user."""
    rng = np.random.default_rng((seed, user))
    taste = Taste(
        side=str(rng.choice(["left", "right"])),
        colour=str(rng.choice(["red", "green", "blue"])),
        disliked=str(rng.choice(["milk", "bottle"])),
    )
    wishes = (_PLACES[user % len(_PLACES)], *_ALWAYS)
    first = HELD_OUT if user // len(_PLACES) % 2 else SEEN
    owner: dict[int, str] = {}
    done: list[Visit] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "corrections.sqlite"
        for visit in range(VISITS):
            kind = first if visit == 0 else HELD_OUT
            for wish in wishes:
                task = draw(wish, taste, visit, rng)
                said = wordings(wish, taste, kind)
                done.append(_visit(user, first, visit, task, taste, said, path, rng, owner))
        for task in controls(wishes, taste, rng):
            done.append(_visit(user, first, VISITS, task, taste, (), path, rng, owner))
    return done


def _visit(
    user: int,
    first: str,
    visit: int,
    task: Task,
    taste: Taste,
    said: Sequence[str],
    path: Path,
    rng: np.random.Generator,
    owner: dict[int, str],
) -> Visit:
    """Run a task until its user is content, or gives up."""
    wish = "control" if task.wish is None else task.wish.value
    corrections = refused = remembered = wrong = runs = 0
    reactions: list[Reaction] = []
    met = False
    while not met and runs < _TRIES and corrections < MOST:
        runs += 1
        person = User(task=task, taste=taste, wordings=said, rng=rng, patience=MOST - corrections)
        met = _run(task, person, path, seed=int(rng.integers(10**6)))
        owner |= {number: wish for number in person.kept}
        corrections += len(person.said)
        refused += len(person.refused)
        if runs == 1:
            remembered = len(person.remembered)
            wrong = sum(owner.get(number) != wish for number in person.remembered)
        reactions += person.reactions
    return Visit(
        user=user,
        wordings=first,
        wish=wish,
        visit=visit,
        instruction=task.instruction,
        corrections=corrections,
        refused=refused,
        met=met,
        remembered=remembered,
        wrong=wrong,
        runs=runs,
        reactions=reactions,
    )


def _run(task: Task, person: User, path: Path, seed: int) -> bool:
    config = CellConfig(
        scene="truth", seed=seed, layout=task.layout, corrections=CorrectionsConfig(path=path)
    )
    with simulated_cell(config, (person,), policy_loader=loaded_policy) as cell:
        person.watch(cell)
        try:
            cell.run(task.instruction)
        except RefusedError as refusal:
            print(f"{task.instruction!r} was refused: {refusal}", file=sys.stderr)
            return False
        return person.met(cell)


def measure(users: int, seed: int, workers: int, out: Path) -> list[Visit]:
    """The visits of every user that are not written down yet, and those that are."""
    log = out / f"visits_{seed}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    visits = _read(log)
    known = {visit.user for visit in visits}
    missing = [user for user in range(users) if user not in known]
    calls = (partial(user_visits, seed, user) for user in missing)
    for done in tqdm(in_order(calls, workers), total=len(missing), unit="user", file=sys.stderr):
        visits += done
        with log.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(visit)) + "\n" for visit in done)
    return [visit for visit in visits if visit.user < users]


def _read(log: Path) -> list[Visit]:
    if not log.exists():
        return []
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [
        Visit(**{**row, "reactions": [Reaction(**r) for r in row["reactions"]]}) for row in rows
    ]


def summaries(visits: Sequence[Visit]) -> Iterator[dict[str, Any]]:
    """Lines of JSON: corrections per visit, retrievals, times of reaction, and what was read."""
    wishes = [wish.value for wish in (*_PLACES, *_ALWAYS)]
    for wish in (*wishes, "all"):
        mine = [v for v in visits if v.wish != "control" and wish in ("all", v.wish)]
        if mine:
            yield _per_visit(wish, "", mine)
    for first in (SEEN, HELD_OUT):
        mine = [v for v in visits if v.wish != "control" and v.wordings == first]
        if mine:
            yield _per_visit("all", first, mine)
    yield _retrievals(visits)
    for level in ("call", "goal"):
        found = [r for visit in visits for r in visit.reactions if r.level == level]
        if found:
            times_s = [reaction.sim_s + reaction.wall_s for reaction in found]
            yield {
                "row": "reaction",
                "level": level,
                "n": len(found),
                "median_s": median(times_s),
                "largest_s": max(times_s),
                "sim_largest_s": max(reaction.sim_s for reaction in found),
            }
    yield from reading_scores()


def _per_visit(wish: str, first: str, visits: Sequence[Visit]) -> dict[str, Any]:
    rows = [[v for v in visits if v.visit == number] for number in range(VISITS)]
    counts = [[float(v.corrections) for v in row] for row in rows]
    means = [mean(values) for values in counts]
    met = sum(v.met for v in visits)
    return {
        "row": "visits",
        "wish": wish,
        "first_wordings": first,
        "n": len(counts[0]),
        "corrections": means,
        "ci95": [bootstrap_interval([values], _LEVEL) for values in counts],
        "fall": 1.0 - means[1] / means[0] if means[0] else 0.0,
        "met": met,
        "met_n": len(visits),
        "met_ci95": wilson(met, len(visits)),
    }


def _retrievals(visits: Sequence[Visit]) -> dict[str, Any]:
    total, wrong = sum(v.remembered for v in visits), sum(v.wrong for v in visits)
    control = [v for v in visits if v.wish == "control"]
    return {
        "row": "retrievals",
        "users": len({v.user for v in visits}),
        "most": MOST,
        "n": total,
        "wrong": wrong,
        "ci95": wilson(wrong, total) if total else (0.0, 1.0),
        "controls": len(control),
        "controls_touched": sum(v.remembered > 0 for v in control),
    }


def main() -> None:
    """Measure what is missing and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    for line in summaries(measure(args.users, args.seed, args.workers, args.out)):
        print(json.dumps(line) if args.json else _text(line))


def _text(line: dict[str, Any]) -> str:
    match line["row"]:
        case "visits":
            numbers = ", ".join(f"{value:.2f}" for value in line["corrections"])
            name = f"{line['wish']} {line['first_wordings']}".strip()
            return f"{name:<14} corrections {numbers}; met {line['met']} of {line['met_n']}"
        case "retrievals":
            return f"retrievals     {line['wrong']} wrong of {line['n']}"
        case "reaction":
            return f"{line['level']:<14} median {line['median_s']:.3f} s, {line['largest_s']:.3f} s"
    return f"{line['wordings']:<14} read {line['understood']} of {line['n']}: {line['missed']}"


if __name__ == "__main__":
    main()
