"""`robot-skills dataset repair`: after a crash, or after a disk has lost something."""

from robot_skills.app.dataset.common import count_text, open_store, progress
from robot_skills.app.dataset.options import DatasetRepair
from robot_skills.app.dataset.verify import Verdict, damage_text, verify
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import DatasetError
from robot_skills.data.recover import Mended, mend
from robot_skills.data.store import EpisodeStore, StoreWriter


def main(options: DatasetRepair) -> CommandResult:
    """Mend a dataset, and say what was done."""
    store = open_store(options.dataset)
    aside: list[int] = []
    with store.writer(store.schema) as writer:
        if options.quarantine:
            aside = _quarantine(writer)
        mended = _mend(writer, store)
    for number in mended.recovered:
        print(f"recovered episode {number} from its journal; its end is missing")
    if mended.removed:
        print(f"removed {count_text(mended.removed, 'unfinished recording')} with nothing to save")
    if not (aside or mended.recovered or mended.removed):
        print("There was nothing to do.")
    return CommandResult(
        payload={
            "recovered": list(mended.recovered),
            "removed": mended.removed,
            "put_aside": aside,
        }
    )


def _quarantine(writer: StoreWriter) -> list[int]:
    """Put every damaged episode aside; returns their numbers."""
    verdict = _verified(writer.store)
    numbers = sorted(
        {
            one.episode
            for one in verdict.damage
            if one.episode is not None and one.file.startswith("episodes/")
        }
    )
    done = [number for number in numbers if writer.store.directory(number).is_dir()]
    for one in verdict.damage:
        print(damage_text(one))
    for number in done:
        folder = writer.quarantine(number)
        print(f"put episode {number} aside: {folder}")
    return done


def _verified(store: EpisodeStore) -> Verdict:
    total = sum(p.stat().st_size for n in store.numbers() for p in store.directory(n).iterdir())
    with progress(total, "verifying", "B") as bar:
        return verify(store, bar.update)


def _mend(writer: StoreWriter, store: EpisodeStore) -> Mended:
    try:
        return mend(writer)
    except DatasetError as error:
        raise DatasetError(
            f"{error} Put damaged episodes aside with: robot-skills dataset repair {store.root} "
            "--quarantine"
        ) from None
