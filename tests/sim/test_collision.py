"""What an arm's geometry says about distances, beside MuJoCo's own contacts."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from hardware.gate.collision import JudgedPath, trespass
from hardware.gate.motion import MotionConfig, MotionGate
from hardware.gate.path import JointWaypoints, Judgement
from hardware.safety_gate import GateCode
from robot_skills.core.collision import ArmShape, StaticBox, Surroundings, least_room
from robot_skills.core.errors import UnknownNameError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState
from sim.arm_models import ARM_MODELS, named_kinematics
from sim.arms import ARMS
from sim.collision import CollisionGeometry, arm_collisions, geometry_of
from sim.collision_chain import named_collisions
from sim.kinematics import ArmKinematics

SURROUNDINGS = Surroundings(
    boxes=(
        StaticBox(
            name="post",
            T_base_box=SE3.from_yaw(0.4, (0.35, 0.45, 0.2)),
            size_m=np.array([0.1, 0.2, 0.4]),
        ),
    )
)
_SAME_M = 1e-4


@pytest.fixture(scope="module", params=sorted(ARMS))
def arm(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(arm: str) -> CollisionGeometry:
    return arm_collisions(arm, SURROUNDINGS)


class Contacts:
    """MuJoCo's own collision detection, on the same parts with all of them felt."""

    def __init__(self, arm: str, model: CollisionGeometry) -> None:
        geometry = geometry_of(ARMS[arm])
        # Adds table and post to the model that it is given.
        CollisionGeometry(geometry, SURROUNDINGS)
        for geom in geometry.spec.geoms:
            geom.contype = geom.conaffinity = 1
        self._model = geometry.spec.compile()
        self._data = mujoco.MjData(self._model)
        self._arm, self._open = ARMS[arm], geometry.open_gripper
        self._margins = dict(zip(model.pairs, model.margin_m, strict=True))

    def too_near(self, q_rad, opening: float, spare_m: float = 0.0) -> list[tuple[str, str]]:
        """Pairs of bodies in contact, deeper than they may be."""
        assert self._open is not None
        for name, q in zip(self._arm.joints, q_rad, strict=True):
            self._data.joint(name).qpos[0] = q
        self._open(self._model, self._data, opening)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        found = []
        for contact in self._data.contact:
            one, other = (self._name(int(geom)) for geom in contact.geom)
            for pair in ((one, other), (other, one)):
                allowed_m = min(self._margins.get(pair, -np.inf), 0.0)
                if pair in self._margins and contact.dist < allowed_m - spare_m:
                    found.append(pair)
        return found

    def _name(self, geom: int) -> str:
        name = self._model.geom(geom).name
        if "surroundings/" in name:
            return name.removeprefix("surroundings/")
        return self._model.body(self._model.geom_bodyid[geom]).name


def random_joints(arm: str, rng: np.random.Generator, count: int) -> np.ndarray:
    limits = ARMS[arm].limits.joint
    lower, upper = np.maximum(limits.lower_rad, -3.0), np.minimum(limits.upper_rad, 3.0)
    return rng.uniform(lower, upper, (count, len(lower)))


def state(q_rad, opening: float = 1.0) -> ArmState:
    zero = np.zeros(len(q_rad))
    return ArmState(
        stamp_s=0.0,
        q_rad=q_rad,
        dq_rad_s=zero,
        tau_nm=zero,
        T_base_tool=SE3.identity(),
        opening=opening,
    )


def test_arm_at_rest_has_room_and_nothing_is_left_out_by_its_shape(arm, model):
    (nearest,) = least_room(model, np.array([ARMS[arm].home_q_rad]), np.ones(1))
    assert nearest.room_m > 0.0
    assert model.left_out == ()


def test_links_that_meet_at_a_joint_and_the_hand_with_its_fingers_are_no_pairs(arm, model):
    fingers = set(ARMS[arm].fingers)
    assert not any(fingers >= set(pair) for pair in model.pairs)
    tables = {one for one, other in model.pairs if other == "table"}
    assert fingers <= tables
    assert not tables & {"link0", "fixed_base_link"}


def test_bodies_in_contact_have_no_room_and_bodies_with_room_have_no_contact(arm, model):
    contacts = Contacts(arm, model)
    q = random_joints(arm, np.random.default_rng(1), 400)
    openings = np.random.default_rng(2).uniform(0.0, 1.0, len(q))
    room_m = model.room(q, openings)
    touched = 0
    for row, (one, opening) in enumerate(zip(q, openings, strict=True)):
        touching = contacts.too_near(one, opening, spare_m=1e-3)
        touched += bool(touching)
        for pair in touching:
            columns = [i for i, named in enumerate(model.pairs) if named == pair]
            assert room_m[row, columns].min() < 0.0, pair
        if room_m[row].min() >= 0.0:
            assert not contacts.too_near(one, opening)
    assert touched > 20


def test_room_does_not_depend_on_the_company_it_is_asked_in(arm, model):
    rng = np.random.default_rng(3)
    steps = 0.03 * rng.normal(size=(60, len(ARMS[arm].joints)))
    way = np.array(ARMS[arm].home_q_rad) + np.cumsum(steps, axis=0)
    q = np.concatenate([way, random_joints(arm, rng, 60)])
    openings = rng.uniform(0.0, 1.0, len(q))
    together = model.room(q, openings)
    alone = np.concatenate([model.room(q[i : i + 1], openings[i : i + 1]) for i in range(len(q))])
    # Where little is left both are exact; elsewhere neither hides that there is less.
    near = np.minimum(together, alone) < 0.02
    assert near.any()
    np.testing.assert_allclose(together[near], alone[near], atol=_SAME_M)


def test_no_pair_loses_more_room_than_its_reach_says(arm, model):
    rng = np.random.default_rng(4)
    q = random_joints(arm, rng, 200)
    step = 0.05 * rng.normal(size=q.shape)
    openings, later = rng.uniform(0.0, 1.0, (2, len(q)))
    before, after = model.room(q, openings), model.room(q + step, later)
    moved_m = np.abs(step) @ model.reach_m.T
    moved_m += np.abs(later - openings)[:, None] * model.opening_reach_m
    exact = (before < 0.025) & (after < 0.025)
    assert exact.sum() > 100
    assert (np.abs(after - before) <= moved_m + _SAME_M)[exact].all()


def test_fingers_may_touch_the_table_the_hand_may_not(arm, model):
    kinematics = ArmKinematics(ARMS[arm])
    home = np.array(ARMS[arm].home_q_rad)
    T_home = kinematics.forward(home)
    heights = np.linspace(0.3, -0.12, 200)
    poses = np.tile(T_home.matrix(), (len(heights), 1, 1))
    poses[:, 2, 3] = heights
    q, errors = kinematics.follow(home, poses)
    assert errors.max() < 1e-3
    room_m = model.room(q, np.ones(len(q)))
    first_bad = int((room_m.min(axis=1) < 0.0).argmax())
    assert first_bad > 0
    above_m = {"fingers": np.inf, "links": np.inf}
    for i, (one, other) in enumerate(model.pairs):
        if other == "table":
            part = "fingers" if one in ARMS[arm].fingers else "links"
            distance_m = room_m[first_bad, i] + model.margin_m[i]
            above_m[part] = min(above_m[part], distance_m)
    assert -0.013 < above_m["fingers"] < -0.008
    assert above_m["links"] > 0.02


def random_path(arm: str, rng: np.random.Generator) -> tuple[np.ndarray, JudgedPath]:
    """From somewhere in front of the arm towards anywhere, at up to full speed."""
    limits = ARMS[arm].limits.joint
    home = np.array(ARMS[arm].home_q_rad)
    start = home + rng.uniform(-0.5, 0.5, len(home))
    way = rng.normal(size=len(home))
    speed = rng.uniform(0.1, 0.9) * limits.velocity_rad_s.min()
    bend = 0.3 * rng.normal(size=len(home))
    times_s = np.cumsum(np.full(16, 0.05))
    along = speed * times_s[:, None] * (way / np.abs(way).max())
    q = start + along + bend * (times_s[:, None] - 0.4) ** 2 - bend * 0.16
    q = np.clip(q, limits.lower_rad, limits.upper_rad)
    path = JudgedPath(stamp_s=times_s, q_rad=q, opening=rng.uniform(0.0, 1.0, 16))
    return np.clip(start, limits.lower_rad, limits.upper_rad), path


def fine(start: np.ndarray, path: JudgedPath, parts: int = 20) -> tuple[np.ndarray, np.ndarray]:
    q = np.concatenate([start[None], path.q_rad])
    opening = np.concatenate([[1.0], path.opening])
    at = np.linspace(0.0, len(q) - 1.0, parts * (len(q) - 1) + 1)
    grid = np.arange(len(q))
    columns = [np.interp(at, grid, q[:, joint]) for joint in range(q.shape[1])]
    return np.stack(columns, axis=1), np.interp(at, grid, opening)


def test_accepted_paths_touch_nothing_and_refused_ones_come_too_near(arm, model):
    contacts = Contacts(arm, model)
    limits = ARMS[arm].limits.joint
    rng = np.random.default_rng(5)
    accepted = refused = 0
    while accepted < 60 or refused < 30:
        start, path = random_path(arm, rng)
        if model.room(start[None], np.ones(1)).min() < 0.0:
            continue
        found = trespass(model, limits, path, state(start))
        # There are many more of these where an arm has few parts to come near to.
        if found is None and accepted == 60:
            continue
        q, opening = fine(start, path)
        if found is None:
            accepted += 1
            for one, width in zip(q, opening, strict=True):
                assert not contacts.too_near(one, float(width))
        elif "stopped" not in found.when:
            refused += 1
            columns = [i for i, pair in enumerate(model.pairs) if pair == found.bodies]
            least_m = model.room(q, opening)[:, columns].min()
            assert least_m < 0.0
            assert least_m <= -found.short_m + _SAME_M


def test_arm_that_stands_too_near_may_only_get_away(arm, model):
    kinematics = ArmKinematics(ARMS[arm])
    limits = ARMS[arm].limits.joint
    home = np.array(ARMS[arm].home_q_rad)
    T = kinematics.forward(home).matrix()
    lows, _ = kinematics.follow(home, np.array([_at_height(T, z) for z in (0.2, 0.05, -0.05)]))
    low = lows[-1]
    assert model.room(low[None], np.ones(1)).min() < 0.0
    stamps = np.cumsum(np.full(8, 0.05))
    for step_m, may in ((0.005, True), (0.0, True), (-0.005, False)):
        poses = np.array([_at_height(T, -0.05 + step_m * i) for i in range(1, 9)])
        q, _ = kinematics.follow(low, poses)
        path = JudgedPath(stamp_s=stamps, q_rad=q, opening=np.ones(8))
        found = trespass(model, limits, path, state(low))
        assert (found is None) is may
        if found is not None:
            assert "table" in found.bodies


def _at_height(T, z_m: float):
    pose = T.copy()
    pose[2, 3] = z_m
    return pose


def test_box_and_table_are_where_they_are_said_to_be(arm):
    home = np.array([ARMS[arm].home_q_rad])
    p = ArmKinematics(ARMS[arm]).forward(home[0]).p
    box = StaticBox(
        name="shelf",
        T_base_box=SE3.from_translation((float(p[0]), float(p[1]), float(p[2]) - 0.2)),
        size_m=np.array([0.2, 0.2, 0.3]),
    )
    clear = arm_collisions(arm, Surroundings(table_z_m=None))
    assert not any("table" in pair for pair in clear.pairs)
    with_box = arm_collisions(arm, Surroundings(table_z_m=None, boxes=(box,)))
    room_m = with_box.room(home, np.ones(1))[0]
    above_m = min(
        room_m[i] + with_box.margin_m[i] for i, pair in enumerate(with_box.pairs) if "shelf" in pair
    )
    # The tool is 50 mm above the shelf; the Panda's fingertips reach 12 mm below the tool.
    assert above_m == pytest.approx(0.038 if arm == "panda" else 0.051, abs=0.002)
    high = arm_collisions(arm, Surroundings(table_z_m=float(p[2])))
    (nearest,) = least_room(high, home, np.ones(1))
    assert nearest.room_m < 0.0


def test_unknown_arms_and_impossible_surroundings_are_refused():
    with pytest.raises(UnknownNameError):
        arm_collisions("pandaa")
    box = SURROUNDINGS.boxes[0]
    for wrong in (
        lambda: Surroundings(boxes=(box, box)),
        lambda: Surroundings(margin_m=-0.1),
        lambda: Surroundings(table_z_m=float("nan")),
        lambda: StaticBox(name="table", T_base_box=SE3.identity(), size_m=np.ones(3)),
        lambda: StaticBox(name="a", T_base_box=SE3.identity(), size_m=np.array([1.0, 0.0, 1.0])),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_arm_that_is_stopped_anywhere_on_an_accepted_path_touches_nothing(arm, model):
    limits, rng = ARMS[arm].limits, np.random.default_rng(11)
    ways = 0
    while ways < 12:
        start, path = random_path(arm, rng)
        # From rest, as chunks of an arm that stands do.
        share = np.cumsum(np.minimum(np.arange(1, 17) / 6.0, 1.0)) / np.arange(1, 17)
        path = replace(path, q_rad=start + (path.q_rad - start) * share[:, None])
        if model.room(start[None], np.ones(1)).min() < 0.0:
            continue
        if trespass(model, limits.joint, path, state(start)) is not None:
            continue
        ways += 1
        for stop_s in rng.uniform(0.1, 0.9, 3):
            q, opening = told(arm, start, path, float(stop_s))
            room_m = model.room(q, opening)
            assert (room_m > -np.maximum(model.margin_m, 0.0) - _SAME_M).all()


def told(name: str, start, path: JudgedPath, stop_s: float) -> tuple[np.ndarray, np.ndarray]:
    """What the gate in motion tells an arm that follows a path and is stopped on the way."""
    spec = ARMS[name]
    gate = MotionGate(spec.limits, ArmKinematics(spec), MotionConfig(tracking_rad=3.0))
    arm = state(start)
    gate.sense(arm)
    waypoints = JointWaypoints(stamp_s=path.stamp_s, q_rad=path.q_rad, opening=path.opening)
    judgement = Judgement(code=GateCode.OK, waypoints=waypoints)
    assert gate.submit(judgement, gate.grant("test"), 0.0).ok
    q, opening = [], []
    for step in range(150):
        now_s = 0.01 * step
        if now_s >= stop_s:
            gate.stop("asked", now_s)
        setpoint = gate.tick(now_s)
        assert setpoint is not None
        q.append(setpoint.setpoint.q_rad)
        opening.append(setpoint.opening)
        gate.sense(replace(arm, q_rad=q[-1], stamp_s=now_s + 0.01))
    assert not gate.moves
    return np.array(q), np.array(opening)


@pytest.mark.parametrize("name", sorted(ARM_MODELS))
def test_arms_without_meshes_are_capsules_with_room_at_rest_and_above_the_table(name):
    shape = ArmShape(link_radius_m=0.02, hand_radius_m=0.03) if name == "so101" else ArmShape()
    T_flange_tool = SE3.from_translation((0.0, 0.0, 0.0 if name == "so101" else 0.15))
    home = np.array([ARM_MODELS[name].home_q_rad])
    made = named_collisions(name, T_flange_tool, shape, Surroundings())
    assert made.room(home, np.ones(1)).min() > 0.0
    touching = {one for one, other in made.pairs if other == "table"}
    assert "fingers" in touching
    assert "base" not in touching
    tool_m = float(named_kinematics(name, T_flange_tool).forward(home[0]).p[2])
    high = named_collisions(name, T_flange_tool, shape, Surroundings(table_z_m=tool_m + 0.05))
    (nearest,) = least_room(high, home, np.ones(1))
    assert nearest.room_m < 0.0
    assert "table" in nearest.bodies
