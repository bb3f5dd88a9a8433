"""The keys of the console's page do what the same keys do in a terminal."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hardware.teleop.keys import BROWSER_CODES, MOTION_KEYS, motion_of
from robot_skills import console

_TABLE = Path(console.__file__).parent / "web" / "js" / "keys.js"
_ROW = re.compile(r"\{ codes: (\[.*?\]), .*?(linear|angular): (\[.*?\]) \}")


def rows():
    for codes, part, values in _ROW.findall(_TABLE.read_text(encoding="utf-8")):
        for code in json.loads(codes):
            yield pytest.param(code, part, json.loads(values), id=code)


@pytest.mark.parametrize(("code", "part", "values"), list(rows()))
def test_a_key_of_the_page_moves_as_in_the_terminal(code, part, values):
    motion = motion_of({BROWSER_CODES[code]})
    np.testing.assert_array_equal(getattr(motion, part), values)
    other = "angular" if part == "linear" else "linear"
    np.testing.assert_array_equal(getattr(motion, other), 0.0)


def test_the_page_has_every_key_that_moves():
    on_page = {BROWSER_CODES[row.values[0]] for row in rows()}
    assert on_page == set(MOTION_KEYS)
