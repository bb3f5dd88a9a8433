"""What reading the words with a network is worth, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]


def learned_scheduler(rows: Rows) -> str:
    """Plans that are right, runs that succeed, and how long a decision takes."""
    plans = [row for row in rows if row["kind"] == "plans"]
    runs = [row for row in rows if row["kind"] == "runs"]
    latency = next(row for row in rows if row["kind"] == "latency")
    count = max(row["n"] for row in plans)
    simulated = ""
    if runs:
        simulated = f""" Below, {runs[0]["n"]} requests of two sets in simulation, seen through the
{"cameras" if runs[0]["scene"] == "rgbd" else "simulator's state"}, all planners in the same
scenes."""
    trials = f" --trials {runs[0]['n']}" if runs else ""
    return section(
        "Reading the words with a network",
        f"""The [learned scheduler](learned_scheduler.md) beside the rules, and the sequencer, which
goes by what the rules read. Random requests of one to three wishes in new scenes, among them such
that have to be refused; a plan is right when what was wished for comes about by what the skills
promise. Rules have [the last word](learned_scheduler.md#what-the-rules-may-overrule) over the
learned scheduler; without them it is the network alone. Learned wordings are those that it was
trained on, held-out ones and unseen things are not, and neither are the compositions of level IV.
In the nameless sets nobody knows what the things are called, and pictures of them are shown or not.
The gain over the rules is in points, with the 95 % bootstrap interval of the paired
difference.{simulated} A decision takes
{latency["decision_ms"]:.0f} ms, the first one of an instruction, whose words are new,
{latency["first_decision_ms"]:.0f} ms (median of {latency["n"]}, one thread).""",
        ("", "planner", "right %", "gain over the rules"),
        [
            (
                row["set"] if row["kind"] == "plans" else f"simulated: {row['set']}",
                row["planner"],
                percent(row["right"], row["n"]),
                _gain(row),
            )
            for row in (*plans, *runs)
        ],
        f"python -m benchmarks.learned_scheduler --requests {count}{trials}",
    )


def _gain(row: dict[str, Any]) -> str:
    if "gain" not in row:
        return "-"
    low, high = row["gain_ci95"]
    return f"{100 * row['gain']:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"
