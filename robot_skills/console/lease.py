"""Control of the robot: one page has it, all others watch."""

import time


class ControlLease:
    """Who has control. The first page that asks gets it, and keeps it while it is heard from."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._holder: str | None = None
        self._heard_s = 0.0

    @property
    def holder(self) -> str | None:
        """Who has control; None for nobody."""
        return self._holder

    def take(self, client: str) -> bool:
        """Ask for control; True if `client` has it now."""
        if self._holder is None:
            self._holder = client
        self.heard(client)
        return self._holder == client

    def heard(self, client: str) -> None:
        """The page of `client` is there."""
        if self._holder == client:
            self._heard_s = time.monotonic()

    def release(self, client: str) -> bool:
        """Give control back; False if `client` did not have it."""
        if self._holder != client:
            return False
        self._holder = None
        return True

    def silent(self) -> bool:
        """Whether the holder has not been heard from for too long."""
        return self._holder is not None and time.monotonic() - self._heard_s > self._lease_s
