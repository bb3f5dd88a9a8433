import contextlib

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.openpi import wire
from policies.openpi.wire import WireError, pack, unpack

# What openpi's own client sends for {"a": np.array([1.5], np.float32)}, byte for byte.
OPENPI_FRAME = bytes.fromhex(
    "81a16184c40b5f5f6e6461727261795f5fc3c40464617461c4040000c03f"
    "c4056474797065a33c6634c40573686170659101"
)


def array_frame(**changes: object) -> bytes:
    array = {"__ndarray__": True, "data": b"\0" * 8, "dtype": "<i4", "shape": [2]} | changes
    return msgpack.packb({key.encode(): value for key, value in array.items()})


def test_frames_are_openpis_byte_for_byte():
    assert pack({"a": np.array([1.5], np.float32)}) == OPENPI_FRAME
    np.testing.assert_array_equal(unpack(OPENPI_FRAME)["a"], np.array([1.5], np.float32))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((2, 4, 5, 3), np.uint8),
        np.array([True, False]),
        np.array(["grasp", "place"]),
        np.empty((0, 7), np.float32),
        np.array(3.5),
        np.arange(4, dtype=">i2"),
        np.arange(12).reshape(3, 4)[:, ::2],
    ],
)
def test_arrays_come_back_as_they_were(array):
    back = unpack(pack({"nested": [{"a": array}]}))["nested"][0]["a"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_numpy_numbers_come_back_with_their_type():
    back = unpack(pack(np.float32(1.5)))
    assert isinstance(back, np.float32)
    assert back == 1.5


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.zeros(2, dtype="i4,f8"),
        np.array([1j]),
        {"when": object()},
        {1, 2},
        2**80,
    ],
)
def test_what_has_no_place_in_a_frame_is_not_sent(value):
    with pytest.raises(WireError, match="cannot be sent"):
        pack(value)


@pytest.mark.parametrize(
    "frame",
    [
        array_frame(dtype="|O"),
        array_frame(dtype="i4,i4"),
        array_frame(dtype="|V8"),
        array_frame(dtype=["i4"]),
        array_frame(dtype="no such"),
        array_frame(dtype="<U0"),
        array_frame(shape=[3]),
        array_frame(shape=[-1, -2]),
        array_frame(shape=[True, 2]),
        array_frame(shape=2),
        array_frame(shape=[1] * 20 + [2]),
        array_frame(shape=[2**62, 2**62]),
        array_frame(data="text"),
        array_frame(data=None),
        msgpack.packb({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}),
        msgpack.packb({b"__npgeneric__": True, b"data": "x", b"dtype": "<f4"}),
        msgpack.packb(msgpack.ExtType(4, b"x")),
        msgpack.packb({1: 2}),
        OPENPI_FRAME[:-3],
        OPENPI_FRAME + b"\0",
        b"\x91" * 100_000,
        b"",
        b"\xc1",
    ],
)
def test_broken_and_hostile_frames_are_refused_in_one_line(frame):
    with pytest.raises(WireError) as refused:
        unpack(frame)
    assert "\n" not in str(refused.value)


def test_frames_beyond_the_limit_are_neither_read_nor_sent(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", 100)
    with pytest.raises(WireError, match="too large"):
        unpack(b"\0" * 101)
    with pytest.raises(WireError, match="at most 100"):
        pack(np.zeros(200, np.uint8))


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_be_refused(frame):
    with contextlib.suppress(WireError):
        unpack(frame)
