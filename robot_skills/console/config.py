"""How the console is served."""

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from robot_skills.core.errors import RefusedError

_SHORTEST_TOKEN = 22
"""Characters of base64 that hold 128 bits; hexadecimal needs 32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleConfig:
    """Where the console listens, and whom it lets in.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        token: Secret that opens the console, 128 random bits unless given.
        tls_certificate: Certificate in PEM; with `tls_key` the page is served over https.
        tls_key: Private key in PEM.
        allowed_hosts: Names under which browsers may reach the console, besides the address it
            listens on and, on a loopback address, ``localhost``. Without a port they mean this one.
        heartbeat_s: The hand counts as gone when its page is silent for so long.
        lease_s: Control is taken from a page that is silent for so long.
        picture_hz: Most pictures per second and camera view.
        insecure: Allow listening beyond this machine without TLS.
    """

    host: str = "127.0.0.1"
    port: int = 8600
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    heartbeat_s: float = 0.08
    lease_s: float = 3.0
    picture_hz: float = 10.0
    insecure: bool = False

    def __post_init__(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise RefusedError("TLS needs a certificate and its key; only one of them was given.")
        if len(self.token) < _SHORTEST_TOKEN:
            raise RefusedError(
                f"The token needs 128 bits, at least {_SHORTEST_TOKEN} characters, got "
                f"{len(self.token)}."
            )
        if not 0.0 < self.heartbeat_s <= self.lease_s:
            raise RefusedError(
                f"Needs 0 < heartbeat_s <= lease_s, got {self.heartbeat_s} and {self.lease_s}."
            )
        if not (self.loopback or self.tls or self.insecure):
            raise RefusedError(
                f"Listening on {self.host} opens the robot to the network: give a TLS certificate "
                "and its key, or listen on 127.0.0.1 and come through an SSH tunnel."
            )

    @property
    def tls(self) -> bool:
        """Whether the page is served over https."""
        return self.tls_certificate is not None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the console."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
