"""Moments of any sizes side by side."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from policies.features import Float32
from policies.learned_scheduler.encoding import Encoded
from policies.learned_scheduler.network import Batch
from policies.learned_scheduler.wording import Wording
from robot_skills.core.next_call import GLIMPSE_PX, Vocabulary


def batched(moments: Sequence[Encoded], vocabulary: Vocabulary, wording: Wording) -> Batch:
    """Moments as inputs of the network.

    Args:
        moments: What they are.
        vocabulary: Of the calls in them.
        wording: Encodes words.
    """
    entities = max(len(moment.labels) for moment in moments)
    pictures = [
        (i, place, picture)
        for i, moment in enumerate(moments)
        for place, picture in moment.glimpses.items()
    ]

    def names(texts: Sequence[str]) -> Float32:
        return np.stack([wording.name(text) for text in texts])

    return Batch(
        words=_padded(moments, lambda m: wording.sentence(m.instruction)),
        word_there=_there([len(wording.sentence(m.instruction)) for m in moments]),
        labels=_padded(moments, lambda m: names(m.labels)),
        colours=_padded(moments, lambda m: names(m.colours)),
        numbers=_padded(moments, lambda m: m.numbers),
        entity_there=_there([len(m.labels) for m in moments]),
        relations=_relations(moments, entities),
        glimpses=_pictures([picture for *_, picture in pictures]),
        glimpse_of=torch.tensor([(i, place) for i, place, _ in pictures]).reshape(-1, 2).long().T,
        calls=_padded(moments, lambda m: shifted(m.calls, len(m.labels), entities)),
        attempts=_padded(moments, lambda m: m.attempts),
        call_there=_there([len(m.calls) for m in moments]),
        skills=torch.from_numpy(names(tuple(vocabulary.skills.values()))),
        closed=torch.from_numpy(names(vocabulary.words)),
    )


def shifted(calls: np.ndarray, entities: int, room: int) -> np.ndarray:
    """Calls (H, 1 + MAX_ARGS) whose closed words come behind room for more entities."""
    args = calls[:, 1:]
    moved = np.where(args >= entities, args + room - entities, args)
    return np.concatenate([calls[:, :1], moved], axis=1)


def _padded(moments: Sequence[Encoded], rows_of: Callable[[Encoded], np.ndarray]) -> Tensor:
    """Rows of each, filled up with zeros, (B, most, D)."""
    rows = [rows_of(moment) for moment in moments]
    most = max(len(each) for each in rows)
    filled = np.zeros((len(rows), most, rows[0].shape[1]), dtype=rows[0].dtype)
    for out, each in zip(filled, rows, strict=True):
        out[: len(each)] = each
    return torch.from_numpy(filled)


def _there(counts: Sequence[int]) -> Tensor:
    """Which places are taken, (B, most)."""
    return torch.arange(max(counts)) < torch.tensor(counts)[:, None]


def _relations(moments: Sequence[Encoded], entities: int) -> Tensor:
    filled = np.zeros(
        (len(moments), entities, entities, moments[0].relations.shape[-1]), dtype=np.float32
    )
    for out, moment in zip(filled, moments, strict=True):
        count = len(moment.labels)
        out[:count, :count] = moment.relations
    return torch.from_numpy(filled)


def _pictures(pictures: Sequence[np.ndarray]) -> Tensor:
    if not pictures:
        return torch.zeros(0, 3, GLIMPSE_PX, GLIMPSE_PX)
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return pixels.float() * (1.0 / 127.5) - 1.0
