"""Texts are encoded once."""

import numpy as np

from robot_skills.scheduler.words.embeddings import RememberingEncoder
from tests.scheduler.encoders import ThesaurusEncoder


def test_what_was_encoded_before_is_remembered():
    encoder = ThesaurusEncoder()
    remembering = RememberingEncoder(encoder)
    first = remembering.encode(["can", "tin", "can"])
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(remembering.encode(["tin"])[0], first[1])
    assert encoder.calls == 1
    remembering.encode(["tin", "milk"])
    assert encoder.calls == 2
