"""robosuite's tasks behind our contract, compared with robosuite's own environments."""

from collections.abc import Callable, Iterator

import mujoco
import numpy as np
import pytest

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.predicates import on
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.objects import ObjectPlacement
from sim.robosuite_model import build_model, quiet_robosuite
from sim.robosuite_tasks import (
    CAN,
    COMPARTMENT_LOWER_M,
    COMPARTMENT_UPPER_M,
    LIFT,
    P_BASE_PEG,
    SQUARE,
    STACK,
    TABLE_HEIGHT_M,
    TASK_ARMS,
    TASKS,
    Task,
    TaskLayout,
    TaskWorld,
    draw_layout,
    task_robot,
    task_scene,
)
from sim.robot import CellRobot
from sim.suites import Recording, find_task
from sim.suites.robosuite import RobosuiteTask
from sim.world import FILM_CAMERA, FRONT_CAMERA

TaskRobot = CellRobot[TaskWorld, TaskLayout]


def _original(task: str, robot: str):
    with quiet_robosuite():
        import robosuite

        return robosuite.make(
            task,
            robots=robot,
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
        )


@pytest.fixture(scope="module")
def originals() -> Iterator[Callable]:
    """robosuite's environments, made once each."""
    made = {}

    def original(task: str, robot: str = "Panda"):
        if (task, robot) not in made:
            made[task, robot] = _original(task, robot)
        return made[task, robot]

    yield original
    for env in made.values():
        env.close()


def _cubes(env, task: Task) -> list:
    return [env.cube] if task is LIFT else [env.cubeA, env.cubeB]


def _judged_by(env, task: Task, world: TaskWorld) -> bool:
    """robosuite's verdict on our state: same joints, cubes moved from our frame to its own."""
    p_world_base = env.sim.model.body_pos[env.sim.model.body_name2id("robot0_base")]
    ours = world.model
    for joint in range(ours.njnt):
        name, adr = ours.joint(joint).name, ours.jnt_qposadr[joint]
        if ours.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            pose = world.data.qpos[adr : adr + 7].copy()
            pose[:3] += p_world_base
            env.sim.data.set_joint_qpos(name, pose)
        else:
            env.sim.data.set_joint_qpos(name, world.data.qpos[adr])
    env.sim.forward()
    return bool(env._check_success())


def _robot(task: Task, arm: str = "panda", seed: int = 0) -> TaskRobot:
    robot = task_robot(task, arm, layout=draw_layout(task, arm, np.random.default_rng(seed)))
    robot.connect()
    return robot


def _move(robot: TaskRobot, goal: SE3, opening: float, seconds: float) -> Iterator[None]:
    """Go straight to a tool pose; yields after every control step."""
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool
    period_s = robot.control_period_s
    steps = round(seconds / period_s)
    now_s = robot.clock.now_s()
    ends = np.stack([start.matrix(), goal.matrix()])
    chunk = single_arm_chunk(
        np.array([now_s + period_s, now_s + seconds]), ends, np.full(2, opening)
    )
    robot.command(chunk)
    for step in range(steps + 4):
        robot.clock.sleep_until(now_s + period_s * (step + 1))
        yield


def _up(height_m: float) -> Array:
    return np.array([0.0, 0.0, height_m])


def _over(p: Array, yaw_rad: float) -> SE3:
    """The tool at p, pointing down, closing along a cube's side."""
    quarter = (yaw_rad + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return SE3.from_yaw(quarter, p) @ SE3.from_rotvec((np.pi, 0.0, 0.0))


def _grasp(robot: TaskRobot) -> Iterator[None]:
    T = task_scene(robot.world)["red_cube"].T_base_entity
    above = _over(T.p + _up(0.12), T.yaw_rad())
    at = _over(T.p, T.yaw_rad())
    yield from _move(robot, above, 1.0, 1.5)
    yield from _move(robot, at, 1.0, 1.0)
    yield from _move(robot, at, 0.0, 0.8)
    yield from _move(robot, above, 0.0, 1.0)


def _stack(robot: TaskRobot) -> Iterator[None]:
    yield from _grasp(robot)
    scene = task_scene(robot.world)
    red, green = scene["red_cube"], scene["green_cube"]
    T_base_tool = robot.observe().arms[DEFAULT_ARM].T_base_tool
    p = green.T_base_entity.p + T_base_tool.p - red.T_base_entity.p
    rest = 0.5 * (green.extents_m[2] + red.extents_m[2])
    over, at = (SE3(T_base_tool.R, p + _up(rest + gap)) for gap in (0.08, 0.001))
    yield from _move(robot, over, 0.0, 1.0)
    yield from _move(robot, at, 0.0, 1.0)
    yield from _move(robot, at, 1.0, 0.6)
    yield from _move(robot, over, 1.0, 1.0)


def _with_sizes(env, task: Task, layout: TaskLayout) -> TaskLayout:
    """The layout with the sizes that robosuite drew for its own cubes."""
    cubes = tuple(
        ObjectPlacement(
            name=item.name,
            label=item.label,
            colour=item.colour,
            rgb=item.rgb,
            extents_m=2.0 * np.array(cube.size),
            mass_kg=item.mass_kg,
            T_base_object=item.T_base_object,
        )
        for cube, item in zip(_cubes(env, task), layout.things, strict=True)
    )
    return TaskLayout(things=cubes, noise_rad=layout.noise_rad)


@pytest.mark.parametrize(("task", "script"), [(LIFT, _grasp), (STACK, _stack)])
def test_success_is_judged_as_robosuite_judges_it(originals, task, script):
    env = originals(task.name)
    layout = _with_sizes(env, task, draw_layout(task, "panda", np.random.default_rng(2)))
    robot = task_robot(task, layout=layout)
    robot.connect()
    verdicts = []
    for _ in script(robot):
        # Contacts of the very state that is copied, not of the one a physics step before.
        mujoco.mj_forward(robot.world.model, robot.world.data)
        assert robot.world.success() == _judged_by(env, task, robot.world)
        verdicts.append(robot.world.success())
    assert not verdicts[0]
    assert verdicts[-1]


@pytest.mark.parametrize("arm", sorted(TASK_ARMS))
def test_lift_can_be_solved_through_the_contract(arm):
    robot = _robot(LIFT, arm, seed=1)
    assert not robot.world.success()
    for _ in _grasp(robot):
        pass
    assert robot.world.success()
    assert task_scene(robot.world)["red_cube"].held_by == DEFAULT_ARM


def test_a_finished_stack_is_on_in_the_scene():
    robot = _robot(STACK, seed=3)
    for _ in _stack(robot):
        pass
    scene = task_scene(robot.world)
    assert on(scene, "red_cube", "green_cube")
    assert scene["red_cube"].held_by is None


def _sampler(env, task: Task):
    """robosuite's sampler of the task's own thing."""
    if task is CAN:
        return env.placement_initializer.samplers["CollisionObjectSampler"]
    if task is SQUARE:
        return env.placement_initializer.samplers["SquareNutSampler"]
    return env.placement_initializer


def _originals_of(env, task: Task) -> list:
    """robosuite's objects, in the order of ours."""
    if task is CAN:
        return [thing for thing in env.objects if thing.name == "Can"]
    if task is SQUARE:
        return [thing for thing in env.nuts if thing.name == "SquareNut"]
    return _cubes(env, task)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_starts_come_from_robosuites_distribution(originals, task):
    env = originals(task.name)
    sampler = _sampler(env, task)
    assert sampler.rotation is None
    p_world_base = env.sim.model.body_pos[env.sim.model.body_name2id("robot0_base")]
    middle = np.array(sampler.reference_pos) - p_world_base
    layouts = [draw_layout(task, "panda", np.random.default_rng(i)) for i in range(200)]
    things = _originals_of(env, task)
    within = sampler.ensure_object_boundary_in_range
    radius_m = things[0].horizontal_radius if within else 0.0
    offsets = []
    for layout in layouts:
        for item, thing in zip(layout.things, things, strict=True):
            offset = item.T_base_object.p - middle
            bottom = -0.5 * item.extents_m[2] if task in (LIFT, STACK) else thing.bottom_offset[2]
            np.testing.assert_allclose(offset[2], sampler.z_offset - bottom, atol=1e-9)
            offsets.append(offset[:2])
    offsets = np.array(offsets)
    lower, upper = np.transpose([sampler.x_range, sampler.y_range])
    lower, upper = lower + radius_m, upper - radius_m
    assert np.all((offsets >= lower) & (offsets <= upper))
    # Uniform draws fill the range.
    assert np.all(offsets.min(axis=0) < lower + 0.1 * (upper - lower))
    assert np.all(offsets.max(axis=0) > upper - 0.1 * (upper - lower))
    noise = np.array([layout.noise_rad for layout in layouts])
    assert abs(noise.std() - env.robots[0].initialization_noise["magnitude"]) < 0.002


def test_a_can_keeps_clear_of_the_middle_as_often_as_robosuites(originals):
    env = originals(CAN.name)
    sampler = _sampler(env, CAN)
    p_world_base = env.sim.model.body_pos[env.sim.model.body_name2id("robot0_base")]
    middle = (np.array(sampler.reference_pos) - p_world_base)[:2]
    with quiet_robosuite():
        np.random.seed(0)  # noqa: NPY002
        theirs = [np.array(sampler.sample()["Can"][0])[:2] for _ in range(600)]
    theirs = np.array(theirs) - np.array(sampler.reference_pos)[:2]
    rng = np.random.default_rng(0)
    ours = np.array([CAN.draw(rng)[0].T_base_object.p[:2] for _ in range(600)]) - middle
    # The other three things, which are taken away again, push the can outwards.
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), atol=0.008)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_judges_success_stands_where_robosuite_has_it(originals, task):
    env = originals(task.name)
    model = env.sim.model
    p_world_base = model.body_pos[model.body_name2id("robot0_base")]
    if task is SQUARE:
        foot = model.body_pos[model.body_name2id("peg1")] - p_world_base
        np.testing.assert_allclose(P_BASE_PEG[:2], foot[:2], atol=1e-9)
        assert abs(env.table_offset[2] - p_world_base[2] - P_BASE_PEG[2]) < 1e-9
    elif task is CAN:
        middle = env.target_bin_placements[3] - p_world_base
        np.testing.assert_allclose(
            0.5 * (COMPARTMENT_LOWER_M + COMPARTMENT_UPPER_M)[:2], middle[:2], atol=1e-9
        )
        assert abs(env.bin2_pos[2] - p_world_base[2] - COMPARTMENT_LOWER_M[2]) < 1e-9
    else:
        assert abs(env.table_offset[2] - p_world_base[2] - TABLE_HEIGHT_M) < 1e-9


@pytest.mark.parametrize("name", ["can", "square"])
def test_can_and_nut_are_judged_as_robosuite_judges_them(originals, name):
    env = originals(TASKS[name].name)
    spec = find_task(f"robosuite:{name}")
    demonstration = spec.demonstrate((3, 0), Recording())
    task = spec.open(Recording())
    assert isinstance(task, RobosuiteTask)
    task.begin(np.random.default_rng((3, 0)))
    verdicts = []
    for action in demonstration.action:
        task.step(action)
        mujoco.mj_forward(task.world.model, task.world.data)
        assert task.succeeded() == _judged_by(env, TASKS[name], task.world)
        verdicts.append(task.succeeded())
    assert not verdicts[0]
    assert verdicts[-1]


def test_a_resized_cube_is_the_cube_that_would_have_been_compiled():
    first, second = (draw_layout(LIFT, "panda", np.random.default_rng(seed)) for seed in (1, 2))
    world = TaskWorld(LIFT, "panda", first)
    world.start(second)
    resized = world.model
    (item,) = second.things
    spec = build_model(
        LIFT.name,
        TASK_ARMS["panda"],
        names={"cube_main": item.name},
        left_out=(),
        cameras={FRONT_CAMERA: LIFT.T_base_front, FILM_CAMERA: LIFT.T_base_film},
    )
    for geom in spec.body(item.name).geoms:
        geom.size = 0.5 * item.extents_m
    compiled = spec.compile()
    for name in ("geom_size", "geom_rbound", "geom_aabb", "body_mass", "body_subtreemass"):
        np.testing.assert_allclose(getattr(resized, name), getattr(compiled, name), atol=1e-12)
    for name in ("bvh_aabb", "dof_invweight0", "body_invweight0"):
        np.testing.assert_allclose(getattr(resized, name), getattr(compiled, name), rtol=1e-4)
    body = resized.body(item.name).id
    np.testing.assert_allclose(
        np.sort(resized.body_inertia[body]), np.sort(compiled.body_inertia[body])
    )


def test_an_episode_does_not_depend_on_those_before_it():
    other, start = (draw_layout(LIFT, "panda", np.random.default_rng(seed)) for seed in (1, 2))
    ends = []
    for before in ([], [other]):
        world = TaskWorld(LIFT, "panda", before[0] if before else start)
        world.step(50)
        world.start(start)
        world.step(200)
        ends.append(world.data.qpos.copy())
    np.testing.assert_array_equal(ends[0], ends[1])


def test_cubes_of_stack_start_apart():
    for seed in range(50):
        red, green = draw_layout(STACK, "panda", np.random.default_rng(seed)).things
        distance = np.linalg.norm(red.T_base_object.p[:2] - green.T_base_object.p[:2])
        assert distance > 0.5 * np.linalg.norm(red.extents_m[:2] + green.extents_m[:2])


@pytest.mark.parametrize(("arm", "name"), [("panda", "Panda"), ("ur5e", "UR5e")])
def test_arm_and_table_stand_as_in_robosuite(originals, arm, name):
    env = originals("Lift", name)
    np.testing.assert_allclose(TASK_ARMS[arm].home_q_rad, env.robots[0].init_qpos, atol=1e-9)
    base_m = env.sim.model.body_pos[env.sim.model.body_name2id("robot0_base")]
    assert abs(env.table_offset[2] - base_m[2] - TABLE_HEIGHT_M) < 1e-9


@pytest.mark.parametrize("arm", sorted(TASK_ARMS))
def test_the_tool_is_where_kinematics_says(arm):
    robot = _robot(LIFT, arm)
    state = robot.observe().arms[DEFAULT_ARM]
    assert robot.kinematics(DEFAULT_ARM).forward(state.q_rad).allclose(state.T_base_tool, 1e-6)


def test_the_same_start_gives_the_same_motion_bit_for_bit():
    ends = []
    for _ in range(2):
        robot = _robot(LIFT, seed=5)
        for _ in _grasp(robot):
            pass
        ends.append(robot.world.data.qpos.copy())
    np.testing.assert_array_equal(ends[0], ends[1])


def test_robosuite_leaves_numpys_global_generator_alone():
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    with quiet_robosuite():
        np.random.uniform(size=3)  # noqa: NPY002
    after = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    np.testing.assert_array_equal(before, after)


def test_unknown_arm_is_named_with_what_there_is():
    with pytest.raises(UnknownNameError, match="Available: panda, ur5e"):
        task_robot(LIFT, "kuka")
