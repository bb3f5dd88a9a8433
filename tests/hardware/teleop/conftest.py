import pytest

from tests.hardware.teleop.virtual_pad import VirtualPad


@pytest.fixture
def pad():
    pad = VirtualPad()
    yield pad
    pad.unplug()
