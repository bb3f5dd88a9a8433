import threading

import pytest

from hardware.teleop import MailboxDevice
from robot_skills.core.teleop import DeviceLost, TeleopSample, Wish


def sample(stamp_s, *wishes, held=True):
    return TeleopSample(stamp_s=stamp_s, held=held, wishes=wishes)


@pytest.fixture
def mailbox():
    device = MailboxDevice()
    device.connect()
    return device


def test_the_newest_sample_counts_and_an_older_one_does_not(mailbox):
    assert mailbox.read() is None
    assert mailbox.push(sample(1.0))
    assert mailbox.push(sample(2.0, held=False))
    assert not mailbox.push(sample(1.5, Wish.ESTOP))
    read = mailbox.read()
    assert read.stamp_s == 2.0
    assert not read.held
    assert read.wishes == (Wish.ESTOP,)


def test_wishes_of_samples_that_nobody_read_are_kept_in_order(mailbox):
    mailbox.push(sample(1.0, Wish.START))
    mailbox.push(sample(2.0))
    mailbox.ask((Wish.SAVE, Wish.QUIT))
    assert mailbox.read().wishes == (Wish.START, Wish.SAVE, Wish.QUIT)
    assert mailbox.read().wishes == ()


def test_wishes_survive_a_reconnection_but_motion_does_not(mailbox):
    mailbox.push(sample(1.0))
    mailbox.lose("The page was closed.")
    assert not mailbox.push(sample(2.0, Wish.ESTOP))
    with pytest.raises(DeviceLost, match="page was closed"):
        mailbox.read()
    mailbox.connect()
    assert mailbox.read() is None
    mailbox.push(sample(3.0))
    assert mailbox.read().wishes == (Wish.ESTOP,)


def test_no_wish_is_lost_or_doubled_between_threads(mailbox):
    count = 2000

    def write() -> None:
        for i in range(count):
            mailbox.push(sample(float(i), Wish.SAVE))

    writer = threading.Thread(target=write)
    writer.start()
    wishes = 0
    while writer.is_alive():
        read = mailbox.read()
        wishes += 0 if read is None else len(read.wishes)
    writer.join()
    wishes += len(mailbox.read().wishes)
    assert wishes == count
