"""Dynamixel servos on one end of a pseudo terminal, protocol 2.0.

https://emanual.robotis.com/docs/en/dxl/protocol2/: header FF FF FD 00, id, length, instruction,
parameters, CRC-16; an instruction is answered by a status packet with instruction 55.
"""

import os
import pty
import select
import struct
import threading
import tty

from dynamixel_sdk import port_handler

PING, READ, WRITE, REBOOT, STATUS = 0x01, 0x02, 0x03, 0x08, 0x55
SYNC_READ, SYNC_WRITE = 0x82, 0x83
BROADCAST = 0xFE
HEADER = b"\xff\xff\xfd\x00"
POSITION, TORQUE = 132, 64


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 8005, not reflected, from zero."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def packet(servo: int, instruction: int, parameters: bytes) -> bytes:
    body = bytes([instruction]) + parameters.replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
    head = HEADER + bytes([servo]) + struct.pack("<H", len(body) + 2) + body
    return head + struct.pack("<H", crc16(head))


class FakeServos:
    """Control tables of a few servos, read and written over a pseudo terminal.

    Attributes:
        path: Of the serial port to open.
        tables: 256 bytes per servo.
        silent: Whether nothing is answered any more.
    """

    def __init__(self, ids: tuple[int, ...], model: int = 1190) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.tables = {servo: bytearray(256) for servo in ids}
        for servo, table in self.tables.items():
            table[0:2] = struct.pack("<H", model)
            table[6], table[7] = 50, servo
            table[TORQUE] = 1
        self.silent = False
        self._open = True
        # These servos share their processor with all other tests; real ones answer at once.
        self._latency_ms, port_handler.LATENCY_TIMER = port_handler.LATENCY_TIMER, 200
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, servo: int, counts: int) -> None:
        """Turn a servo to a position."""
        self.set(servo, POSITION, "<i", counts)

    def set(self, servo: int, address: int, form: str, value: int) -> None:
        data = struct.pack(form, value)
        self.tables[servo][address : address + len(data)] = data

    def unplug(self) -> None:
        if self._open:
            self._open = False
            self._thread.join()
            port_handler.LATENCY_TIMER = self._latency_ms
            os.close(self._master)
            os.close(self._slave)

    def _run(self) -> None:
        data = b""
        while self._open:
            if select.select([self._master], [], [], 0.01)[0]:
                data = self._answer(data + os.read(self._master, 4096))

    def _answer(self, data: bytes) -> bytes:
        while (at := data.find(HEADER)) >= 0 and len(data) >= at + 7:
            end = at + 7 + struct.unpack_from("<H", data, at + 5)[0]
            if len(data) < end:
                break
            whole, data = data[at:end], data[end:]
            assert struct.unpack("<H", whole[-2:])[0] == crc16(whole[:-2])
            if not self.silent:
                os.write(self._master, self._carry_out(whole[4], whole[7], whole[8:-2]))
        return data

    def _carry_out(self, servo: int, instruction: int, parameters: bytes) -> bytes:
        if instruction == SYNC_READ:
            address, length = struct.unpack_from("<HH", parameters)
            known = [i for i in parameters[4:] if i in self.tables]
            return b"".join(self._status(i, self._bytes(i, address, length)) for i in known)
        if instruction == SYNC_WRITE:
            address, length = struct.unpack_from("<HH", parameters)
            rows = parameters[4:]
            for start in range(0, len(rows), length + 1):
                self._store(rows[start], address, rows[start + 1 : start + 1 + length])
            return b""
        asked = list(self.tables) if servo == BROADCAST else [servo]
        return b"".join(self._one(i, instruction, parameters) for i in asked if i in self.tables)

    def _one(self, servo: int, instruction: int, parameters: bytes) -> bytes:
        if instruction == PING:
            return self._status(servo, self._bytes(servo, 0, 2) + self._bytes(servo, 6, 1))
        (address,) = struct.unpack_from("<H", parameters)
        if instruction == READ:
            length = struct.unpack_from("<H", parameters, 2)[0]
            return self._status(servo, self._bytes(servo, address, length))
        assert instruction == WRITE, instruction
        self._store(servo, address, parameters[2:])
        return self._status(servo, b"")

    def _bytes(self, servo: int, address: int, length: int) -> bytes:
        return bytes(self.tables[servo][address : address + length])

    def _store(self, servo: int, address: int, data: bytes) -> None:
        self.tables[servo][address : address + len(data)] = data

    def _status(self, servo: int, parameters: bytes) -> bytes:
        return packet(servo, STATUS, b"\x00" + parameters)
