from robot_skills.console.lease import ControlLease


def test_first_who_asks_gets_control_and_keeps_it():
    lease = ControlLease(lease_s=60.0)
    assert lease.take("a")
    assert not lease.take("b")
    assert lease.take("a")
    assert lease.holder == "a"


def test_only_the_holder_gives_control_back():
    lease = ControlLease(lease_s=60.0)
    lease.take("a")
    assert not lease.release("b")
    assert lease.release("a")
    assert lease.holder is None
    assert lease.take("b")


def test_silence_is_noticed_only_of_a_holder():
    lease = ControlLease(lease_s=-1.0)
    assert not lease.silent()
    lease.take("a")
    assert lease.silent()
