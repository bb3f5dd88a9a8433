"""What all tests have in common."""

import signal


def pytest_configure() -> None:
    """Signals mean what they usually do; who started the tests may have had some ignored.

    That would be inherited by every process that a test starts and then interrupts.
    """
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
