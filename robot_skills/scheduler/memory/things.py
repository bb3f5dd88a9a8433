"""Where the things of a memory were last seen."""

from collections.abc import Sequence

from robot_skills.scheduler.memory.codec import entity_from_text, entity_to_text
from robot_skills.scheduler.memory.file import MemoryFile
from robot_skills.scheduler.memory.records import Sighting, Where


class ThingStore:
    """Reads and writes sightings. Writing raises `StorageError`, reading `RefusedError` as well.

    Args:
        file: Open.
    """

    def __init__(self, file: MemoryFile) -> None:
        self._file = file

    def saw(self, sightings: Sequence[Sighting], gone: Sequence[str], where: Where) -> None:
        """Note where things are, and forget those that are gone."""
        with self._file.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO thing (cell, arm, name, entity, inside, seen_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        where.cell,
                        where.arm,
                        one.entity.name,
                        entity_to_text(one.entity),
                        one.inside,
                        one.seen_at,
                    )
                    for one in sightings
                ],
            )
            connection.executemany(
                "DELETE FROM thing WHERE cell = ? AND arm = ? AND name = ?",
                [(where.cell, where.arm, name) for name in gone],
            )

    def all(self, where: Where | None = None) -> tuple[tuple[Where, Sighting], ...]:
        """Where things were last seen, in one place or in all."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT cell, arm, name, entity, inside, seen_at FROM thing ORDER BY rowid"
            ).fetchall()
            found = ((Where(cell=row[0], arm=row[1]), _sighting(*row[2:])) for row in rows)
            return tuple(pair for pair in found if where in (None, pair[0]))

    def forget(self, name: str) -> int:
        """Forget where a thing was seen, in all places. Returns in how many it was known."""
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM thing WHERE name = ?", (name,)).rowcount


def _sighting(name: str, entity: str, inside: str, seen_at: float) -> Sighting:
    return Sighting(entity=entity_from_text(name, entity), inside=inside, seen_at=seen_at)
