"""Writes docs/results.md from what was measured: ``python -m benchmarks.results_page``.

Every line of a ``.jsonl`` file in ``benchmarks/results/`` is one measurement, as the benchmark
printed it; nothing is measured here, and no figure is typed in by hand.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import (
    collecting_page,
    learned_scheduler_page,
    planning_page,
    robot_page,
    rounding_page,
    sequencer_page,
)
from benchmarks.calibration import page as calibration_page
from benchmarks.closed_loop import page as closed_loop_page
from benchmarks.corrections import page as corrections_page
from benchmarks.depth import page as depth_page
from benchmarks.identification import page as identification_page
from benchmarks.instructions import page as instructions_page
from benchmarks.latency_matching import page as latency_page
from benchmarks.localisation import page as localisation_page
from benchmarks.makespan import page as makespan_page
from benchmarks.markdown import in_minutes, number, percent, section
from benchmarks.new_skill import page as new_skill_page
from benchmarks.sim2real import page as sim2real_page
from benchmarks.table import page as table_page

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results.md"

Rows = list[dict[str, Any]]

_INTRODUCTION = """# Results

Measured on two shared processor cores (AMD EPYC, no GPU). Success is the task's own verdict, in
episodes from seed 1,000,000 on, which nothing was chosen by; brackets hold the 95 % Wilson
interval. One recipe everywhere: the defaults of `robot-skills train`. Trainings that are compared
ran one after the other, and the peer's had the machine to themselves; the speeds of
`robot-skills bench` were taken in one run, the sides taking turns. The page is written by
`python -m benchmarks.results_page` from the lines in `benchmarks/results/`; the skills' own success
is in the [README](../README.md).
"""


def page(results: Path) -> str:
    """The whole page, from the files that are there."""
    parts = [_INTRODUCTION]
    for name, chapter in SECTIONS:
        path = results / name
        if path.exists():
            parts.append(chapter(_read(path)))
    return "\n".join(parts)


def _read(path: Path) -> Rows:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        line = json.loads(text)
        return line.get("results", [line])
    return [json.loads(line) for line in text.splitlines()]


def _equal_time(rows: Rows) -> str:
    minutes = round(rows[0]["train_s"] / 60.0, 1)
    seeds = len({row["seed"] for row in rows})
    table = [
        (side_name, *_by_task(rows, side))
        for side, side_name in (("ours", "ours"), ("peer", "LeRobot DiffusionPolicy"))
    ]
    tasks = sorted({row["task"] for row in rows})
    return section(
        "Success at equal training time",
        f"""50 demonstrations per task, {in_minutes(minutes)} of training on two threads, {seeds}
training seeds of 50 episodes each. The peer is LeRobot 0.6.1's DiffusionPolicy with the U-Net that
a processor can carry (`down_dims` 128, 256; DDIM-10) and its own optimiser; its batches come from
memory, disturbed frames are kept from it, and its imports do not count.""",
        ("", *tasks, "mean", "steps", "ms per chunk"),
        table,
        "python -m benchmarks.success --minutes " + f"{minutes:g}",
    )


def _by_task(rows: Rows, side: str) -> tuple[str, ...]:
    mine = [row for row in rows if row["side"] == side]
    tasks = sorted({row["task"] for row in rows})
    cells, rates = [], []
    for task in tasks:
        good = sum(row["successes"] for row in mine if row["task"] == task)
        n = sum(row["episodes"] for row in mine if row["task"] == task)
        cells.append(percent(good, n) if n else "-")
        if n:
            rates.append(good / n)
    mean = f"**{100 * sum(rates) / len(rates):.1f}**" if rates else "-"
    steps = sorted(row["train_steps"] for row in mine)
    chunks = sorted(row["chunk_ms"] for row in mine)
    middle = len(mine) // 2
    return (*cells, mean, f"{steps[middle]:,}", f"{chunks[middle]:.2f}")


def _metaworld(rows: Rows) -> str:
    minutes = round(rows[0]["train_s"] / 60.0, 1)
    table = [
        (row["task"], percent(row["successes"], row["episodes"]), str(row["episodes"]))
        for row in sorted(rows, key=lambda row: row["task"])
    ]
    rates = [row["successes"] / row["episodes"] for row in rows]
    table.append(("**mean**", f"**{100 * sum(rates) / len(rates):.1f}**", ""))
    return section(
        "Meta-World, MT10's tasks",
        f"A policy per task: 50 demonstrations, {in_minutes(minutes)} of training, state only.",
        ("task", "success %", "n"),
        table,
        "python -m benchmarks.success --sides ours --seeds 0 --threads 1 --minutes "
        f"{minutes:g} --tasks " + " ".join(row["task"] for row in rows),
    )


def _curve(rows: Rows) -> str:
    names = {"ours": "ours", "peer": "LeRobot DiffusionPolicy", "act": "LeRobot ACT"}
    table = [
        (
            names[row["side"]],
            f"{round(row['train_s'] / 60.0, 2):g}",
            f"{row['train_steps']:,}",
            percent(row["successes"], row["episodes"]),
        )
        for row in rows
    ]
    return section(
        "Training time to success",
        f"""{rows[0]["task"]}, 50 demonstrations, two threads, one training seed;
{rows[0]["episodes"]} episodes per point, and every point is a training of its own. ACT has half
its width (`dim_model` 256).""",
        ("", "minutes", "steps", "success %"),
        table,
        "python -m benchmarks.curve",
    )


def _sampling(rows: Rows) -> str:
    ways = list(dict.fromkeys(row["way"] for row in rows))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    table = []
    for way in ways:
        mine = {row["task"]: row for row in rows if row["way"] == way}
        rates = [row["successes"] / row["episodes"] for row in mine.values()]
        cells = [
            percent(mine[t]["successes"], mine[t]["episodes"]) if t in mine else "-" for t in tasks
        ]
        table.append((way, *cells, f"**{100 * sum(rates) / len(rates):.1f}**"))
    return section(
        "Few steps beside many",
        f"""Policies of training seed 0, sampled in other numbers of steps, and distilled into one
step (consistency, a minute each); {rows[0]["episodes"]} episodes per cell. The robosuite policies
and push are those from above; detour's is `python -m benchmarks.success --sides ours --seeds 0
--threads 1 --minutes 0.7 --tasks detour:post`. Nothing is left to lose in robosuite's tasks, so
the last two say more.""",
        ("steps", *tasks, "mean"),
        table,
        "python -m benchmarks.sampling --tasks " + " ".join(tasks),
    )


def _detour(rows: Rows) -> str:
    table = [
        (
            row["head"],
            str(row["steps"]),
            percent(row["successes"], row["episodes"]),
            f"{row['left']} / {row['right']}",
            f"{row['entropy']:.2f}",
        )
        for row in rows
    ]
    return section(
        "Two ways around a post",
        f"""100 demonstrations, half of them on either side; {rows[0]["episodes"]} episodes per
head, 0.7 minutes of training on one thread. The entropy of the sides is 1 when both are taken
alike.""",
        ("head", "steps", "success %", "left / right", "entropy"),
        table,
        "python -m benchmarks.families detour --minutes 0.7",
    )


def _words(rows: Rows) -> str:
    kinds = {
        "words:tabletop": "phrasings of training",
        "words:unseen": "unseen phrasings",
        "words:fresh": "unseen phrasings that nothing was chosen by",
    }
    table = [
        (
            kinds[row["task"]],
            percent(row["right_target"], row["episodes"]),
            percent(row["successes"], row["episodes"]),
            ", ".join(f"{verb} {good}/{n}" for verb, (good, n) in row["per_verb"].items()),
        )
        for row in rows
        if "task" in row
    ]
    free = next(row for row in rows if "acted" in row)
    said = f"told nothing, it took up some thing in {percent(free['acted'], free['episodes'])} % of"
    said += f" the episodes (entropy of which one: {free['entropy']:.2f} of the maximum)"
    return section(
        "One policy, five things, three verbs",
        f"""5,000 demonstrations, words through MiniLM, eight minutes of training on one thread;
{rows[0]["episodes"]} episodes per set, from seed 3,000,000 on. Chunks are guided away from what
the policy does without a sentence (`--guidance 0.5`).
While the training sentences were chosen, it was looked at how well the encoder tells the second set
apart; the third was written afterwards. A tenth of the windows was learned without a sentence:
{said}.""",
        ("sentences", "right target %", "success %", "per verb"),
        table,
        "python -m benchmarks.families words",
    )


def _pictures(rows: Rows) -> str:
    table = [
        (
            row["seen"],
            f"{row['train_steps']:,}",
            percent(row["successes"], row["episodes"]),
        )
        for row in rows
    ]
    return section(
        "Not told where things are",
        f"""{rows[0]["task"]} from two colour cameras of 96 x 96 pixels, or from the points of one
depth camera, and the state of the arm; 100 demonstrations, {in_minutes(rows[0]["minutes"])} of
training on one thread, {rows[0]["episodes"]} episodes.""",
        ("sees", "steps", "success %"),
        table,
        "python -m benchmarks.families pictures",
    )


def _reliability(rows: Rows) -> str:
    table = []
    for task in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == task]

        def mean(key: str, of: Rows = mine) -> str:
            return f"{sum(row[key] for row in of) / len(of):.3f}"

        means = [mean(key) for key in ("ece_before", "ece", "brier_before", "brier")]
        table.append((task, str(sum(row["n"] for row in mine)), *means))
    return section(
        "Whether done can be believed",
        """Calibration of the termination heads of the policies above, on the tenth of the episodes
that they did not learn from, judged crosswise by episode; means over the training seeds. Scaling
keeps some doubt after so few frames, so a head without a mistake on them looks a little worse.""",
        ("task", "frames", "ECE before", "ECE", "Brier before", "Brier"),
        table,
        "python -m benchmarks.reliability",
    )


def _reproduce(rows: Rows) -> str:
    (row,) = rows
    low, high = row["band"]
    return section(
        "A result to reproduce",
        f"""{row["demonstrations"]} demonstrations, {row["steps"]:,} steps, training seed
{row["seed"]}: data, training and evaluation from nothing, in a few minutes. The command fails when
success leaves the band, which is the 95 % interval of what was published.""",
        ("task", "success %", "n", "band"),
        [
            (
                row["task"],
                f"{100 * row['successes'] / row['episodes']:.0f}",
                str(row["episodes"]),
                f"{100 * low:.1f} to {100 * high:.1f} %",
            )
        ],
        "make reproduce-lift",
    )


def _bench(title: str, command: str) -> Callable[[Rows], str]:
    def chapter(rows: Rows) -> str:
        table = [
            (
                row["unit"],
                *(number(row[key]) for key in ("ours", "peer", "limit")),
                f"{row['ratio']:.1f}",
                str(row["repeats"]),
            )
            for row in rows
        ]
        notes = "\n".join(f"- {row['unit']}: {row['detail']}." for row in rows)
        head = ("", "ours", "peer", "limit", "times better", "repeats")
        return section(title, notes, head, table, command)

    return chapter


SECTIONS: tuple[tuple[str, Callable[[Rows], str]], ...] = (
    ("table.jsonl", table_page.chapter),
    ("success.jsonl", _equal_time),
    ("metaworld.jsonl", _metaworld),
    ("curve.jsonl", _curve),
    ("sampling.jsonl", _sampling),
    ("reliability.jsonl", _reliability),
    ("detour.jsonl", _detour),
    ("words.jsonl", _words),
    ("pictures.jsonl", _pictures),
    ("reproduce_lift.json", _reproduce),
    ("rounding.jsonl", rounding_page.chapter),
    ("bench_policy.json", _bench("Time of a chunk", "robot-skills bench policy")),
    ("bench_train.json", _bench("Learning speed", "robot-skills bench train")),
    ("bench_read.json", _bench("Feeding a trainer", "robot-skills bench read")),
    ("bench_startup.json", _bench("Cold start", "robot-skills bench startup")),
    ("durability.jsonl", collecting_page.durability),
    ("bench_record.json", _bench("Recording", "python -m benchmarks.record --minutes 10 --json")),
    ("alignment.jsonl", collecting_page.alignment),
    ("letting_go.jsonl", collecting_page.letting_go),
    ("operator_path.jsonl", collecting_page.operator_path),
    ("over_ros.jsonl", robot_page.over_ros),
    ("faults.jsonl", robot_page.faults),
    ("fuzz.jsonl", robot_page.fuzz),
    ("bench_control.json", _bench("The safety gate's loop", "robot-skills bench control")),
    ("control_long.jsonl", robot_page.long_run),
    ("chaos.jsonl", robot_page.chaos),
    ("fuzzed_answers.json", planning_page.fuzzed_answers),
    ("temporal.jsonl", planning_page.specifications),
    ("instructions.jsonl", instructions_page.chapter),
    ("localisation.jsonl", localisation_page.chapter),
    ("calibration.jsonl", calibration_page.chapter),
    ("latency_matching.jsonl", latency_page.chapter),
    ("depth.jsonl", depth_page.chapter),
    ("identification.jsonl", identification_page.chapter),
    ("sim2real.jsonl", sim2real_page.chapter),
    ("sequencer.jsonl", sequencer_page.executives),
    ("closed_loop.jsonl", closed_loop_page.chapter),
    ("makespan.jsonl", makespan_page.chapter),
    ("learned_scheduler.jsonl", learned_scheduler_page.learned_scheduler),
    ("new_skill.jsonl", new_skill_page.chapter),
    ("corrections.jsonl", corrections_page.chapter),
)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(RESULTS), encoding="utf-8")


if __name__ == "__main__":
    main()
