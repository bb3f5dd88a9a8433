"""`robot-skills dataset merge`: several datasets as one."""

from robot_skills.app.dataset.common import count_text, open_store, progress, size_text
from robot_skills.app.dataset.options import DatasetMerge
from robot_skills.app.outcome import CommandResult
from robot_skills.data.edit import merge
from robot_skills.data.names import checked_name
from robot_skills.data.store import EpisodeStore


def main(options: DatasetMerge) -> CommandResult:
    """Merge datasets; what is taken over has been compared with its hashes."""
    checked_name("dataset", options.out.name)
    sources = [open_store(root) for root in options.datasets]
    target = EpisodeStore(options.out)
    total = sum(len(source.numbers()) for source in sources)
    with progress(total, "merging") as bar:
        taken = merge(sources, target, lambda _: bar.update())
    before = f", {taken.before} were there already" if taken.before else ""
    print(
        f"{count_text(taken.episodes, 'episode')} of {len(sources)} datasets{before}, "
        f"{size_text(taken.bytes)}, compared with their hashes: {options.out}"
    )
    if taken.twice:
        print(f"note: {count_text(taken.twice, 'episode')} there are twice, under another number")
    return CommandResult(
        payload={
            "out": str(options.out),
            "episodes": taken.episodes,
            "before": taken.before,
            "bytes": taken.bytes,
            "twice": taken.twice,
            "root_hash": target.root_hash(),
        }
    )
