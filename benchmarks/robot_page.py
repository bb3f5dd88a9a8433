"""What was measured of robots over ROS 2, as chapters of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]


def faults(rows: Rows) -> str:
    """Every fault, again and again."""
    table = []
    for row in rows:
        ended = "; ".join(f"{state} {n}" for state, n in row["states"].items())
        table.append(
            (
                row.get("number", ""),
                row["fault"],
                f"{row['as_named']} / {row['injected']}",
                ended,
                f"{row['budget_ms']:.0f}",
                f"{row['p50_ms']:.0f}",
                f"{row['p99_ms']:.0f}",
                f"{row['max_ms']:.0f}",
                f"{row['ready_max_s']:.1f}" if "ready_max_s" in row else "-",
                str(row.get("outside", "-")),
                f"{row['overshoot']:.3f}" if "overshoot" in row else "-",
                f"{row['stalled_as_named']} / {row['stalled']}" if "stalled" in row else "-",
            )
        )
    head = ("", "fault", "as wanted", "ended in", "budget", "p50", "p99", "max", "ready s")
    return section(
        "Faults of a moving arm",
        """A simulated Panda over DDS, its safety gate, the gate's judge and who commands as
processes of their own; the arm moves its tool with 0.2 m/s when the fault comes. As wanted: the
gate is in the state that is named for the fault, and the setpoint rests within its budget [ms]. The
times count from the injection, where a chunk that was judged well is ended first, from its end
(F1, F2, judge killed, fewer poses, zigzag, F12, F26, F28), and where the gate itself is killed, of
what the arm says. Ready: longest from the end of the fault until the next chunk would be taken,
acknowledged and enabled by a program that does not hesitate. Outside: setpoints beyond a limit of
position, velocity, acceleration or jerk, by their differences alone; used: the largest share of
such a limit. Two such cells ran side by side, each in a domain of ROS of its own, but for F6 and
F28; beside all but F13 and F28 other work ran at the lowest priority. F13 is measured by `python -m
benchmarks.two_machines`, which cuts a cable between two network namespaces. The last column counts
trials apart, as wanted and all, in which the machine itself stood still for more than 20 ms, as a
loop with priority on each of its cores noticed.""",
        (*head, "outside", "used", "stalled"),
        table,
        "python -m benchmarks.faults; python -m benchmarks.two_machines",
    )


def fuzz(rows: Rows) -> str:
    """A million actions."""
    table = []
    for row in rows:
        refused = sum(n for code, n in row["answers"].items() if code not in ("ok", "clipped"))
        table.append(
            (
                f"{row['actions']:,}",
                percent(refused, row["chunks"]),
                f"{row['setpoints']:,}",
                str(row["not_finite"]),
                str(row["outside"]),
                f"{row['largest']:.4f}",
                f"{row['tool_speed']:.2f}",
                f"{row['tool_turn']:.2f}",
                f"{1e3 * row['tool_outside_m']:.1f}",
            )
        )
    head = ("actions", "chunks refused %", "setpoints", "not finite", "outside", "used")
    return section(
        "Actions that nobody should command",
        """Through judge and gate as a cell has them: four chunks of ten hold numbers that are none,
are far too fast, lead elsewhere or under the table, have times in disorder, and so on; the others
go as far and as fast as they may. Used: the largest share of a joint's limit of speed,
acceleration or jerk; then the tool's largest shares of its speed and its turn rate, and how far it
was outside its workspace.""",
        (*head, "tool speed", "turn rate", "tool outside mm"),
        table,
        "python -m benchmarks.fuzz",
    )


def long_run(rows: Rows) -> str:
    """The gate's loop for half an hour."""
    table = [
        (
            f"{row['periods'] * 0.01 / 60.0:.0f}",
            f"{row['p99_ms']:.3f}",
            f"{row['p999_ms']:.3f}",
            f"{row['max_ms']:.1f}",
            f"{row['missed']:.1e}",
            str(row["holds"]),
            f"{row['latency_p50_ms']:.1f} / {row['latency_p99_ms']:.1f}",
            f"{row['switches']:,}",
            f"{row['switch_jump']:.2f}",
            f"{row['stalls']}, {1e3 * row['stalled_s']:.0f} ms",
        )
        for row in rows
    ]
    return section(
        "The safety gate's loop for half an hour",
        """At 100 Hz with real-time priority, beside two RGB-D cameras at 30 Hz and a diffusion
policy that thinks without a pause. Lateness in ms; holds: because a period or a joint state came
late; from a joint state's departure at the arm to the arrival of the command that knew of it:
median and 99th percentile [ms]; chunks that took over from others, and the largest change of speed
in such a period as a share of what the greatest acceleration allows. Stalls: how often the machine
itself stood still for more than 20 ms, and the longest.""",
        (
            "minutes",
            "p99",
            "p99.9",
            "worst",
            "missed",
            "holds",
            "state to command",
            "switches",
            "jump",
            "stalls",
        ),
        table,
        "python -m benchmarks.control --side fifo --seconds 1800",
    )


def over_ros(rows: Rows) -> str:
    """Instructions over ROS 2 and in one process."""
    table = []
    groups = list(dict.fromkeys(row["group"] for row in rows))
    for name, mine in [(one, [row for row in rows if row["group"] == one]) for one in groups] + [
        ("**all**", rows)
    ]:
        n = len(mine)
        # Where nothing is to be done, there is no pace.
        paces = sorted(row["wall_s"] / row["sim_s"] for row in mine if row["sim_s"] > 1.0)
        table.append(
            (
                name,
                percent(sum(row["over_ros"] for row in mine), n),
                percent(sum(row["in_process"] for row in mine), n),
                str(n),
                f"{paces[len(paces) // 2]:.2f}" if paces else "-",
            )
        )
    return section(
        "Instructions over ROS 2",
        """The suite `tabletop` from RGB-D pictures: arm, cameras, gate, judge and skills as
processes, everything as messages, in real time; beside the same instructions in the same scenes in
one process, in simulated time. The goal is judged in the simulator's own state. Pace: time over
ROS 2 by simulated time in one process, median.""",
        ("instruction", "over ROS 2 %", "in one process %", "n", "pace"),
        table,
        "python -m benchmarks.over_ros",
    )


def chaos(rows: Rows) -> str:
    """Half an hour in which things go wrong."""
    sums = next(row for row in rows if "minutes" in row)
    trials = [row for row in rows if "minutes" not in row]
    table = []
    for name in sorted({row["fault"] for row in trials}):
        mine = [row for row in trials if row["fault"] == name]
        times = sorted(row["recovered_s"] for row in mine)
        table.append(
            (
                name,
                str(len(mine)),
                f"{sum(row['named'] for row in mine)} / {len(mine)}",
                f"{times[len(times) // 2]:.1f}",
                f"{times[-1]:.1f}" if times[0] >= 0.0 else "never",
            )
        )
    text = f"""A cell as users bring it up, with perception, skills, scheduler and recorder, works
for {sums["minutes"]:.0f} minutes, and something goes wrong every 10 to 30 s: {sums["faults"]}
faults. Work could go on after {sums["recovered"]} of them; 95 % within
{sums["recovery_p95_s"]:.1f} s, the longest took {sums["recovery_max_s"]:.1f} s. Of
{sums["setpoints"]:,} setpoints {sums["outside"]} were outside a limit; {sums["named"]} of
{sums["to_name"]} faults that have an effect were named by somebody; {sums["succeeded"]} of
{sums["instructions"]} instructions succeeded meanwhile, and of {sums["episodes"]} episodes that the
recorder acknowledged {sums["whole"]} are there, every byte as it was written."""
    return section(
        "Half an hour in which things go wrong",
        text,
        ("fault", "n", "named", "until work could go on: median s", "longest s"),
        table,
        "python -m benchmarks.chaos",
    )
