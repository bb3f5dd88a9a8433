"""Where a skill comes into being: beside its library, which gets it whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_skills.app.zoo import COMPARED
from robot_skills.core.errors import RefusedError, StorageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """Folders of one skill in the making.

    Attributes:
        zoo: The library that it is for.
        name: Of the skill.
    """

    zoo: Path
    name: str

    @property
    def root(self) -> Path:
        """A library of its own, with nothing but the skill."""
        return self.zoo.with_name(f"{self.zoo.name}.adding")

    @property
    def skill(self) -> Path:
        """Card and checkpoint."""
        return self.root / self.name

    @property
    def dataset(self) -> Path:
        """Demonstrations that were made from the given ones."""
        return self.root / f"{self.name}.demonstrations"

    @property
    def _request(self) -> Path:
        return self.root / f"{self.name}.json"

    def claim(self, request: dict[str, Any]) -> None:
        """Begin, or go on with what was begun by the same request.

        Raises:
            RefusedError: Another request was begun and not finished.
            StorageError: Nothing can be written here.
        """
        wanted = json.loads(json.dumps(request))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if self._request.exists():
                found = json.loads(self._request.read_bytes())
                if found != wanted:
                    odd = [key for key, value in wanted.items() if found.get(key) != value]
                    raise RefusedError(
                        f"{self.root} holds an unfinished {self.name!r} that was asked for with "
                        f"another {', '.join(odd)}. Repeat that call, or remove "
                        f"{self._request.name} and all else of that name there."
                    )
                return
            unfinished = self._request.with_suffix(".tmp")
            unfinished.write_text(json.dumps(wanted), encoding="utf-8")
            unfinished.replace(self._request)
        except OSError as error:
            raise StorageError(f"{self.root} cannot be written: {error.strerror}.") from None

    def register(self, shipped: Path) -> Path:
        """Move the skill into the library, in one step, and clear up.

        Args:
            shipped: Skills that a library which does not exist yet begins with.

        Returns:
            Folder of the skill.

        Raises:
            StorageError: The library cannot be written.
        """
        try:
            self._begin_library(shipped)
            _force_to_disk(self.skill)
            place = self.zoo / self.name
            self.skill.rename(place)
            shutil.rmtree(self.dataset, ignore_errors=True)
            self._request.unlink()
            if not any(self.root.iterdir()):
                self.root.rmdir()
        except OSError as error:
            raise StorageError(
                f"{self.name!r} cannot be put into {self.zoo}: {error.strerror}. "
                f"It is ready in {self.skill}; the same call goes on from there."
            ) from None
        return place

    def _begin_library(self, shipped: Path) -> None:
        if self.zoo.exists():
            return
        copy = self.zoo.with_name(f"{self.zoo.name}.copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(shipped, copy, ignore=shutil.ignore_patterns(*COMPARED))
        copy.rename(self.zoo)


def _force_to_disk(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
