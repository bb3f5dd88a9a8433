"""Things are found by the names of their numbers."""

import pytest
import torch

from policies.encoders.entities import EntityAttention, entity_rows

NAMES = ("tool.x", "cup.x", "cup.y", "cup.sin", "box.x", "box.y", "time", "lid.angle")


def test_rows_hold_the_attributes_of_each_thing_for_every_step():
    rows = entity_rows(NAMES, observation_steps=2)
    # Attributes by name (sin, x, y), the older step first; the box has no yaw.
    assert rows is not None
    assert rows.tolist() == [[3, 1, 2, 11, 9, 10], [-1, 4, 5, -1, 12, 13]]


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y", "z"),
        ("cup.x", "cup.y"),
        ("shoulder.pos", "elbow.pos", "wrist.pos"),
        ("arm.q", "cup.x", "cup.y"),
    ],
)
def test_what_has_no_kin_is_no_thing(names):
    assert entity_rows(names, observation_steps=1) is None


def test_each_head_gives_a_mean_of_things_weighed_by_the_sentence():
    rows = entity_rows(NAMES, observation_steps=1)
    assert rows is not None
    attention = EntityAttention(rows, seen=len(NAMES), embedding=3)
    numbers, sentence = torch.randn(2, len(NAMES)), torch.zeros(2, 3)
    with torch.no_grad():
        # The first head looks at the box alone, the second at both alike.
        attention.ask.bias[:] = torch.tensor([-50.0, 50.0, 0.0, 0.0])
        found = attention(numbers, sentence)
    nothing = torch.zeros(2)
    box = torch.stack([nothing, numbers[:, 4], numbers[:, 5]], dim=1)
    cup = numbers[:, [3, 1, 2]]
    torch.testing.assert_close(found, torch.cat([box, 0.5 * (cup + box)], dim=1))
