"""How likely each option is: the tree of choices from the skill to its last argument."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.learned_scheduler.batches import shifted
from policies.learned_scheduler.encoding import MAX_ARGS, NONE, Encoded, Indices
from policies.learned_scheduler.network import LearnedSchedulerNetwork, Reading


def option_scores(network: LearnedSchedulerNetwork, reading: Reading, moment: Encoded) -> Tensor:
    """Log-probabilities of the options of the only moment of a reading, then of its ends.

    Args:
        network: That read it.
        reading: Of one moment.
        moment: The same.

    Returns:
        (options + 2,).
    """
    options = moment.options
    skill_count = len(reading.skill_tokens)
    skills = log_shares(reading.skills[0], _marked(options[:, 0], skill_count))
    total = skills[torch.from_numpy(options[:, 0])]
    for slot in range(MAX_ARGS):
        going_on = np.flatnonzero(options[:, 1 + slot] != NONE)
        if not len(going_on):
            break
        prefixes, of = np.unique(options[going_on, : 1 + slot], axis=0, return_inverse=True)
        chosen = options[going_on, 1 + slot]
        allowed = np.zeros((len(prefixes), reading.arguments.shape[1]), dtype=bool)
        allowed[of, chosen] = True
        rows = torch.from_numpy(prefixes)
        scores = network.argument_scores(
            reading, torch.zeros(len(rows), dtype=torch.long), rows[:, 0], rows[:, 1:], slot
        )
        shares = log_shares(scores, torch.from_numpy(allowed))
        more = shares[torch.from_numpy(of), torch.from_numpy(chosen)]
        total = total.index_add(0, torch.from_numpy(going_on), more)
    return torch.cat([total, skills[skill_count:]])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """What was right at one moment, and what it was chosen from.

    Attributes:
        skills: Which skills could be chosen, the two ends among them, (S + 2,).
        chosen: Skill and arguments; the skill is S for done and S + 1 for not knowing.
        allowed: What could be chosen for every argument, (MAX_ARGS, E + W).
    """

    skills: np.ndarray
    chosen: Indices
    allowed: np.ndarray

    @classmethod
    def of(cls, moment: Encoded, place: int, skill_count: int, words: int) -> "Target":
        """The target where one of the options, or of the two ends behind them, was right."""
        options = moment.options
        skills = _marked(options[:, 0], skill_count).numpy()
        allowed = np.zeros((MAX_ARGS, len(moment.labels) + words), dtype=bool)
        if place >= len(options):
            end = skill_count + place - len(options)
            return cls(skills=skills, chosen=np.array([end, *[NONE] * MAX_ARGS]), allowed=allowed)
        chosen = options[place]
        for slot in range(MAX_ARGS):
            same = (options[:, : 1 + slot] == chosen[: 1 + slot]).all(axis=1)
            found = options[same, 1 + slot]
            allowed[slot, found[found != NONE]] = True
        return cls(skills=skills, chosen=chosen, allowed=allowed)


def losses(
    network: LearnedSchedulerNetwork,
    reading: Reading,
    targets: Sequence[Target],
    entities: Sequence[int],
) -> Tensor:
    """Minus the log-likelihood of what was right at every moment, (B,).

    Args:
        network: That read them.
        reading: Of the moments.
        targets: What was right.
        entities: How many entities each moment has.
    """
    room = reading.arguments.shape[1]
    words = targets[0].allowed.shape[1] - entities[0]
    chosen = torch.from_numpy(
        np.concatenate(
            [
                shifted(target.chosen[None], count, room - words)
                for target, count in zip(targets, entities, strict=True)
            ]
        )
    )
    skills = torch.from_numpy(np.stack([target.skills for target in targets]))
    loss = -log_shares(reading.skills, skills).gather(1, chosen[:, :1])[:, 0]
    for slot in range(MAX_ARGS):
        rows = torch.nonzero(chosen[:, 1 + slot] != NONE)[:, 0]
        if not len(rows):
            break
        allowed = torch.zeros(len(rows), room, dtype=torch.bool)
        for out, row in zip(allowed, rows.tolist(), strict=True):
            count, mask = entities[row], torch.from_numpy(targets[row].allowed[slot])
            out[:count], out[room - words :] = mask[:count], mask[count:]
        picked = chosen[rows]
        scores = network.argument_scores(reading, rows, picked[:, 0], picked[:, 1 : 1 + slot], slot)
        shares = log_shares(scores, allowed).gather(1, picked[:, 1 + slot, None])[:, 0]
        loss = loss.index_add(0, rows, -shares)
    return loss


def log_shares(scores: Tensor, allowed: Tensor) -> Tensor:
    """Log-probabilities along the last axis, of what is allowed."""
    return scores.masked_fill(~allowed, -torch.inf).log_softmax(dim=-1)


def _marked(skills: Indices, count: int) -> Tensor:
    """Which skills occur, and both ends, (count + 2,)."""
    marked = torch.zeros(count + 2, dtype=torch.bool)
    marked[torch.from_numpy(skills)] = True
    marked[count:] = True
    return marked
