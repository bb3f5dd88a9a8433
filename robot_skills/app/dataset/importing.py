"""`robot-skills dataset import`: datasets of others as our own."""

from robot_skills.app.dataset.common import count_text, progress
from robot_skills.app.dataset.options import DatasetImport
from robot_skills.app.outcome import CommandResult
from robot_skills.data.foreign import open_source
from robot_skills.data.importing import import_episodes
from robot_skills.data.names import checked_name
from robot_skills.data.store import EpisodeStore


def main(options: DatasetImport) -> CommandResult:
    """Import a dataset; every episode is compared with its hashes after it was written."""
    name = checked_name("dataset", options.name or options.out.name)
    source = open_source(options.source, options.mapping)
    store = EpisodeStore(options.out)
    with progress(2 * len(source), f"importing {source.kind}") as bar:
        done = import_episodes(
            source,
            store,
            name=name,
            path=options.source,
            checked=lambda *_: bar.update(),
            saved=lambda *_: bar.update(),
        )
    before = f", {done.before} were there already" if done.before else ""
    print(f"{count_text(done.episodes, 'episode')} of {source.kind} {source.name}{before}")
    for note in done.notes:
        print(f"note: {note}")
    return CommandResult(
        payload={
            "out": str(options.out),
            "kind": source.kind,
            "episodes": done.episodes,
            "before": done.before,
            "notes": list(done.notes),
            "root_hash": store.root_hash(),
        }
    )
