"""ROS 2 bags written here, read as episodes."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign import open_source
from robot_skills.data.foreign.rosbag_mapping import BagMapping, load_mapping

T0_NS = 1_700_000_000_000_000_000
LATE_NS = 3_000_000
STORE = get_typestore(Stores.ROS2_HUMBLE)
M = SimpleNamespace(**{name.rsplit("/", 1)[1]: kind for name, kind in STORE.types.items()})

MAPPING = """
arms:
  arm:
    joints: {topic: /joint_states, names: [j2, j1]}
    tool: {topic: /tool}
    gripper: {topic: /gripper, closed: 0.08, open: 0.0}
numbers:
  action: {topic: /trajectory}
  observation.wrench: {topic: /array, names: [fx, fy]}
cameras:
  front:
    rgb: /front/rgb
    depth: /front/depth
    info: /front/info
    place: {parent: base, child: eye}
task: {words: put the cube in the bowl}
"""


def header(ns: int, frame: str = ""):
    stamp = M.Time(sec=ns // 10**9, nanosec=ns % 10**9)
    return M.Header(stamp=stamp, frame_id=frame)


def joints(ns: int, i: int):
    return M.JointState(
        header=header(ns),
        name=["j1", "j2", "other"],
        position=np.array([0.1 * i, 0.2 * i, 9.0]),
        velocity=np.zeros(0),
        effort=np.array([1.0, 2.0, 3.0]),
    )


def pose(ns: int, i: int):
    point = M.Point(x=0.4 + 0.01 * i, y=0.0, z=0.3)
    # A quarter turn about z, as xyzw.
    turn = M.Quaternion(x=0.0, y=0.0, z=np.sqrt(0.5), w=np.sqrt(0.5))
    return M.PoseStamped(header=header(ns), pose=M.Pose(position=point, orientation=turn))


def trajectory(ns: int, i: int):
    span = M.Duration(sec=0, nanosec=50_000_000)
    nothing = np.zeros(0)
    points = [
        M.JointTrajectoryPoint(
            positions=np.array([value, -value]),
            velocities=nothing,
            accelerations=nothing,
            effort=nothing,
            time_from_start=span,
        )
        for value in (0.0, 0.1 * i)
    ]
    return M.JointTrajectory(header=header(ns), joint_names=["j1", "j2"], points=points)


def floats(*values: float):
    layout = M.MultiArrayLayout(dim=[], data_offset=0)
    return M.Float64MultiArray(layout=layout, data=np.array(values, dtype=np.float64))


def picture(i: int) -> np.ndarray:
    rows, columns = np.mgrid[0:12, 0:16]
    return np.stack([rows + i, columns * 3, 0 * rows + 200], axis=-1).astype(np.uint8)


def image(ns: int, pixels: np.ndarray, encoding: str, padding: int = 0):
    data = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    data = np.pad(data, ((0, 0), (0, padding)))
    return M.Image(
        header=header(ns),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=data.shape[1],
        data=data.ravel(),
    )


def compressed(ns: int, data: bytes, format: str):
    return M.CompressedImage(
        header=header(ns), format=format, data=np.frombuffer(data, dtype=np.uint8)
    )


def info(ns: int):
    fields = dict(
        header=header(ns), height=12, width=16, distortion_model="plumb_bob", d=np.zeros(5),
        k=np.array([20.0, 0, 8, 0, 20, 6, 0, 0, 1]), r=np.eye(3).ravel(), p=np.zeros(12),
        binning_x=0, binning_y=0,
        roi=M.RegionOfInterest(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )  # fmt: skip
    return M.CameraInfo(**fields)


def transform(ns: int, parent: str, child: str, x: float):
    moved = M.Transform(
        translation=M.Vector3(x=x, y=0.0, z=0.0),
        rotation=M.Quaternion(x=0.0, y=0.0, z=0.0, w=1.0),
    )
    return M.TransformStamped(header=header(ns, parent), child_frame_id=child, transform=moved)


class BagFile:
    """Writes messages to one bag; they arrive a little after their stamps."""

    def __init__(self, path: Path, plugin: StoragePlugin) -> None:
        self._writer = Writer(path, version=9, storage_plugin=plugin)
        self._topics = {}

    def __enter__(self) -> "BagFile":
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, topic: str, ns: int, message) -> None:
        kind = message.__msgtype__
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=STORE)
        data = STORE.serialize_cdr(message, kind)
        self._writer.write(self._topics[topic], ns + LATE_NS, data)


def write_bag(path: Path, plugin: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """Two seconds of everything at 10 Hz; depth is 20 ms after colour."""
    with BagFile(path, plugin) as bag:
        bag.add(
            "/tf_static", T0_NS, M.TFMessage(transforms=[transform(T0_NS, "base", "mast", 1.0)])
        )
        bag.add("/front/info", T0_NS, info(T0_NS))
        for i in range(20):
            ns = T0_NS + i * 100_000_000
            bag.add("/tf", ns, M.TFMessage(transforms=[transform(ns, "mast", "eye", 0.1 * i)]))
            bag.add("/joint_states", ns, joints(ns, i))
            bag.add("/tool", ns, pose(ns, i))
            bag.add("/gripper", ns, M.Float64(data=0.004 * i))
            bag.add("/trajectory", ns, trajectory(ns, i))
            bag.add("/array", ns, floats(i, -i))
            bag.add("/front/rgb", ns, image(ns, picture(i), "rgb8", padding=5))
            depth_mm = np.full((12, 16), 500 + i, dtype=np.uint16)
            bag.add("/front/depth", ns, image(ns + 20_000_000, depth_mm, "16UC1"))
    return path


def write_mapping(path: Path, text: str = MAPPING) -> Path:
    path.write_text(text)
    return path


@pytest.fixture(scope="module", params=[StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def bag(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bag")
    write_mapping(folder / "mapping.yaml")
    return write_bag(folder / "recorded", request.param)


def test_arm_numbers_and_times_of_a_bag(bag: Path) -> None:
    source = open_source(bag, bag.parent / "mapping.yaml")
    assert len(source) == 1
    episode = source.episode(0)
    arm = episode.arms["arm"]

    assert episode.task == "put the cube in the bowl"
    # Seconds from the first arrival; the stamps are before it.
    np.testing.assert_allclose(arm.stamp_s, np.arange(20) * 0.1 - 0.003, atol=1e-9)
    np.testing.assert_allclose(arm.q_rad[3], [0.6, 0.3])
    np.testing.assert_allclose(arm.tau_nm[3], [2.0, 1.0])
    np.testing.assert_allclose(arm.dq_rad_s, 0.0)
    # The gripper says no time: it counts when it arrived.
    np.testing.assert_allclose(arm.opening[10], 1.0 - 0.004 * 9.97 / 0.08, atol=1e-9)
    np.testing.assert_allclose(arm.T_base_tool[5][:3, 3], [0.45, 0.0, 0.3], atol=1e-9)
    np.testing.assert_allclose(arm.T_base_tool[5][:3, 0], [0.0, 1.0, 0.0], atol=1e-9)
    action = episode.numbers["action"]
    assert action.names == ("j1", "j2")
    np.testing.assert_allclose(action.values[4], [0.4, -0.4])
    assert episode.numbers["observation.wrench"].names == ("fx", "fy")


def test_pictures_of_a_bag_are_read_one_by_one_and_in_order(bag: Path) -> None:
    camera = open_source(bag, bag.parent / "mapping.yaml").episode(0).cameras["front"]

    np.testing.assert_array_equal(camera.pictures.rgb(7), picture(7))
    np.testing.assert_allclose(camera.pictures.depth_m(7), 0.507, atol=1e-6)
    shown = list(camera.pictures.in_order())
    assert len(shown) == 20
    for i, (rgb, depth_m) in enumerate(shown):
        assert rgb is not None
        assert depth_m is not None
        np.testing.assert_array_equal(rgb, picture(i))
        np.testing.assert_allclose(depth_m, (500 + i) / 1000.0, atol=1e-6)
    assert camera.received_s is not None
    np.testing.assert_allclose(camera.received_s - camera.stamp_s, 0.003, atol=1e-9)
    assert camera.K is not None
    np.testing.assert_allclose(camera.K[0], [20.0, 0.0, 8.0])
    assert camera.T_base_camera is not None
    np.testing.assert_allclose(camera.T_base_camera[:, 0, 3], 1.0 + 0.1 * np.arange(20))


def test_single_file_of_a_bag_is_read(bag: Path) -> None:
    storage = next(path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))
    episode = open_source(storage, bag.parent / "mapping.yaml").episode(0)
    assert len(episode.arms["arm"].stamp_s) == 20


def test_missing_topics_are_said_with_what_there_is(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("/joint_states", "/joints").replace("/tool", "/tcp")
    source = open_source(bag, write_mapping(tmp_path / "m.yaml", text))
    with pytest.raises(DatasetError, match=r"lacks /joints, /tcp\. It has: .*/joint_states"):
        len(source)


def test_topic_of_an_unfit_type_is_refused(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("topic: /tool", "topic: /array")
    with pytest.raises(DatasetError, match="/array is std_msgs/msg/Float64MultiArray"):
        len(open_source(bag, write_mapping(tmp_path / "m.yaml", text)))


def test_joints_that_are_never_told_are_refused(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("[j2, j1]", "[j2, j7]")
    source = open_source(bag, write_mapping(tmp_path / "m.yaml", text))
    with pytest.raises(DatasetError, match="nothing on /joint_states"):
        source.episode(0)


def test_frames_that_nothing_connects_are_refused(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("parent: base", "parent: world")
    source = open_source(bag, write_mapping(tmp_path / "m.yaml", text))
    with pytest.raises(DatasetError, match=r"from world to eye. Frames: base, eye, mast"):
        source.episode(0)


def test_tool_pose_comes_from_transforms_where_asked(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("{topic: /tool}", "{parent: base, child: eye}")
    arm = open_source(bag, write_mapping(tmp_path / "m.yaml", text)).episode(0).arms["arm"]
    np.testing.assert_allclose(arm.T_base_tool[:, 0, 3], 1.0 + 0.1 * np.arange(20), atol=1e-9)


def test_arm_without_tool_pose_becomes_a_state_vector(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("    tool: {topic: /tool}\n", "")
    episode = open_source(bag, write_mapping(tmp_path / "m.yaml", text)).episode(0)
    assert not episode.arms
    assert episode.numbers["observation.state"].names == ("j2", "j1", "gripper.opening")


def test_depth_too_far_from_colour_is_refused(bag: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("place:", "within_s: 0.01\n    place:")
    with pytest.raises(DatasetError, match=r"0\.020 s from its colour"):
        open_source(bag, write_mapping(tmp_path / "m.yaml", text)).episode(0)


@pytest.mark.parametrize("words", [False, True])
def test_a_topic_divides_a_bag_into_episodes(tmp_path: Path, words: bool) -> None:
    marks = {2: "reach", 6: "", 7: "grasp", 9: "lift"} if words else {2: True, 6: False, 7: True}
    with BagFile(tmp_path / "b", StoragePlugin.MCAP) as bag:
        for i in range(12):
            ns = T0_NS + i * 100_000_000
            if i in marks:
                said = marks[i]
                mark = M.String(data=said) if isinstance(said, str) else M.Bool(data=said)
                bag.add("/episode", ns - 1000, mark)
            bag.add("/array", ns, floats(i))
    text = "numbers: {action: {topic: /array}}\nepisodes: {topic: /episode}\n"
    source = open_source(tmp_path / "b", write_mapping(tmp_path / "m.yaml", text))
    found = [source.episode(i) for i in range(len(source))]

    values = [one.numbers["action"].values.ravel().tolist() for one in found]
    if words:
        assert [one.task for one in found] == ["reach", "grasp", "lift"]
        assert values == [[2, 3, 4, 5], [7, 8], [9, 10, 11]]
    else:
        assert values == [[2, 3, 4, 5], [7, 8, 9, 10, 11]]


def test_compressed_pictures_and_float_depth_are_read(tmp_path: Path) -> None:
    depth_m = np.linspace(0.3, 2.0, 12 * 16, dtype=np.float32).reshape(12, 16)
    depth_m[0, 0] = np.nan
    code = (np.nan_to_num(depth_m, nan=0.0) * 1000).astype(np.uint16)
    with BagFile(tmp_path / "b", StoragePlugin.SQLITE3) as bag:
        for i in range(3):
            ns = T0_NS + i * 100_000_000
            jpeg = cv2.imencode(".jpg", picture(i)[..., ::-1])[1].tobytes()
            bag.add("/jpeg", ns, compressed(ns, jpeg, "rgb8; jpeg compressed bgr8"))
            bag.add("/float", ns, image(ns, depth_m, "32FC1"))
            png = bytes(12) + cv2.imencode(".png", code)[1].tobytes()
            bag.add("/png", ns, compressed(ns, png, "16UC1; compressedDepth png"))
            bag.add("/bgr", ns, image(ns, picture(i)[..., ::-1], "bgr8"))
            bag.add("/mono", ns, image(ns, picture(i)[..., 0], "mono8"))
    text = (
        "cameras:\n  a: {rgb: /jpeg, depth: /float}\n  b: {depth: /png}\n"
        "  c: {rgb: /bgr}\n  d: {rgb: /mono}\n"
    )
    cameras = (
        open_source(tmp_path / "b", write_mapping(tmp_path / "m.yaml", text)).episode(0).cameras
    )

    near = np.abs(cameras["a"].pictures.rgb(1).astype(int) - picture(1)).mean()
    assert near < 8.0
    shown = cameras["a"].pictures.depth_m(1)
    assert shown[0, 0] == 0.0
    np.testing.assert_array_equal(shown[1:], depth_m[1:])
    np.testing.assert_allclose(cameras["b"].pictures.depth_m(2)[1:], depth_m[1:], atol=1e-3)
    assert not cameras["b"].has_rgb
    np.testing.assert_array_equal(cameras["c"].pictures.rgb(2), picture(2))
    np.testing.assert_array_equal(cameras["d"].pictures.rgb(2)[..., 1], picture(2)[..., 0])


def test_headers_of_another_clock_are_refused_unless_arrival_counts(tmp_path: Path) -> None:
    with BagFile(tmp_path / "b", StoragePlugin.MCAP) as bag:
        for i in range(3):
            bag.add("/tool", T0_NS + i * 10**8, pose(1_000_000_000 + i * 10**8, i))
    text = "numbers: {observation.pose: {topic: /tool}}\n"
    source = open_source(tmp_path / "b", write_mapping(tmp_path / "m.yaml", text))
    with pytest.raises(DatasetError, match="another clock"):
        source.episode(0)
    text += "stamps: received\n"
    episode = open_source(tmp_path / "b", write_mapping(tmp_path / "n.yaml", text)).episode(0)
    np.testing.assert_allclose(episode.numbers["observation.pose"].stamp_s, [0.0, 0.1, 0.2])
    assert episode.numbers["observation.pose"].names == ("x", "y", "z", "qw", "qx", "qy", "qz")


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
def test_cut_bag_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    plugin = StoragePlugin.MCAP if suffix == ".mcap" else StoragePlugin.SQLITE3
    folder = write_bag(tmp_path / "b", plugin)
    whole = next(folder.glob(f"*{suffix}"))
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DatasetError, match="cut"):
        open_source(cut, write_mapping(tmp_path / "m.yaml")).episode(0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("joints:", "joint:", r"Unknown key in arms\.arm 'joint'\. Did you mean 'joints'"),
        ("names: [j2, j1]", "names: j2", r"arms\.arm\.joints\.names needs a list"),
        ("closed: 0.08, open: 0.0", "closed: 0.0, open: 0.0", "need to differ"),
        ("closed: 0.08", "closed: wide", r"gripper\.closed needs a float"),
        ("{topic: /tool}", "{topic: /tool, parent: base}", "either a topic, or parent and child"),
        (", names: [j2, j1]", "", r"arms\.arm\.joints\.names is missing"),
        ("task: {", "task: [", "cannot be read"),
    ],
)
def test_mapping_says_what_is_wrong_with_it(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in MAPPING
    with pytest.raises(DatasetError, match=said):
        load_mapping(write_mapping(tmp_path / "m.yaml", MAPPING.replace(old, new)))


def test_mapping_in_the_documentation_is_a_mapping(tmp_path: Path) -> None:
    from robot_skills.data.foreign import rosbag_mapping

    text = rosbag_mapping.__doc__ or ""
    example = text.split("A full one::")[1].split("Without ``tool``")[0]
    lines = [line[4:] for line in example.splitlines()]
    mapping = load_mapping(write_mapping(tmp_path / "m.yaml", "\n".join(lines)))
    assert isinstance(mapping, BagMapping)
    assert len(mapping.arms["arm"].joints.names) == 6
    assert mapping.episodes is not None
