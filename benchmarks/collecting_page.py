"""What was measured of collecting data, as chapters of docs/results.md."""

from typing import Any

from benchmarks.markdown import number, percent, section

Rows = list[dict[str, Any]]


def durability(rows: Rows) -> str:
    """Episodes after kills."""
    table = [
        (
            row["side"],
            str(row["kills"]),
            *(str(row[key]) for key in ("acknowledged", "lost", "corrupt", "recovered")),
            str(row["resume_failed"]),
        )
        for row in rows
    ]
    return section(
        "What survives when everything is killed while recording",
        """The whole process group gets SIGKILL at a random moment; then the dataset is looked at as
it is, every byte of ours verified, and the next round goes on with it. An episode counts as
acknowledged once the recorder has said that it is saved. Recovered are those that were being
recorded and came back from the journal. LeRobot 0.6.1 records numbers only, which is kinder to it;
where its dataset cannot be read any more, what it said is lost, and the next round begins anew.""",
        ("", "kills", "acknowledged", "lost", "corrupt", "recovered", "not resumed"),
        table,
        "python -m benchmarks.durability",
    )


def alignment(rows: Rows) -> str:
    """Pictures, states and actions against the truth."""
    table = [
        (
            row["case"],
            str(row["rows"]),
            *(number(ms) for ms in row["picture_ms"]),
            number(row["state_mm"]),
            number(row["action_mm"]),
            number(row["limit_ms"]),
        )
        for row in rows
    ]
    return section(
        "How well pictures, states and actions fit together",
        """A simulated camera is late, jitters, and stamps its pictures on a clock of its own; each
picture carries the time that it shows. Errors of the rows that training reads, against the
simulator: half a control period is the limit. Where nobody has measured how late a camera is, its
pictures are off by just that, and nothing can know.""",
        (
            "case",
            "rows",
            "picture, median ms",
            "worst ms",
            "state, worst mm",
            "action, worst mm",
            "limit ms",
        ),
        table,
        "python -m benchmarks.alignment",
    )


def letting_go(rows: Rows) -> str:
    """Time to stop once the page has gone."""
    table = [
        (
            row["way"],
            *(number(row[key]) for key in ("median_ms", "worst_ms", "limit_ms")),
            str(row["repeats"]),
        )
        for row in rows
    ]
    return section(
        "How soon the arm stops when the page that moves it goes",
        """Chromium holds a key of the console while a simulated arm moves at 20 Hz; then its tab is
closed, or the whole browser is killed.""",
        ("", "median ms", "worst ms", "limit ms", "repeats"),
        table,
        "python -m benchmarks.letting_go",
    )


def operator_path(rows: Rows) -> str:
    """From a browser to a trained skill."""
    table = [
        (
            row["task"],
            str(row["recorded"]),
            number(row["minutes"]),
            percent(row["successes"], row["episodes"]),
            str(row["episodes"]),
        )
        for row in rows
    ]
    return section(
        "From an operator's hands to a skill",
        """A scripted operator drives the arm with the console's keys in Chromium, looking at the
state that the page shows; the episodes are exported, a policy is trained on them and evaluated.""",
        ("task", "episodes recorded", "minutes of training", "success %", "n"),
        table,
        "pytest -m slow tests/app/collect/test_operator_path.py -s",
    )
