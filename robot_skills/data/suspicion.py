"""What makes an episode suspicious, from its manifest alone."""

from robot_skills.data.store import Manifest

_DROPPED = 0.01
_SHORT_S = 1.0


def flags_of(manifest: Manifest) -> tuple[str, ...]:
    """Why somebody should look at an episode before it is trained on, in words."""
    found = []
    if manifest.recovered:
        found.append("recovered after a crash, its end is missing")
    if manifest.duration_s < _SHORT_S:
        found.append(f"only {manifest.duration_s:.1f} s long")
    for name, stats in manifest.streams.items():
        stream = name.removeprefix("/")
        missing = stats.dropped + stats.lost
        if missing > _DROPPED * max(stats.count, 1):
            share = 100.0 * missing / (stats.count + missing)
            found.append(f"{stream} lacks {share:.0f} % of its samples")
        if stats.gaps:
            longest_s = max(end - start for start, end in stats.gaps)
            times = "once" if len(stats.gaps) == 1 else f"{len(stats.gaps)} times"
            found.append(f"{stream} was away {times}, {longest_s:.2f} s at most")
        if stats.frozen:
            found.append(f"{stream} was frozen for {stats.frozen} samples")
        if stats.out_of_order or stats.repeated:
            count = stats.out_of_order + stats.repeated
            found.append(f"{stream} had {count} samples repeated or out of order")
    return tuple(found)
