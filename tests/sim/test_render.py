"""Pictures: geometry of colour and depth, decimated twins, and what happens without OpenGL."""

import os
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from robot_skills.core.camera import backproject
from robot_skills.core.errors import MissingDependencyError, RobotFault, UnknownNameError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame
from sim import gl, meshes
from sim.layout import DrawerStart, random_layout
from sim.meshes import FAST_GROUP, FULL_GROUP, SHARED_GROUP
from sim.render import Quality, RgbdImage, RgbdRenderer
from sim.world import TabletopWorld

SIZE = (96, 72)


@pytest.fixture(scope="module")
def world() -> TabletopWorld:
    layout = random_layout(
        np.random.default_rng(0),
        with_objects=("red_cube", "can"),
        count=2,
        drawer=DrawerStart.AJAR,
    )
    world = TabletopWorld("panda", layout)
    world.refresh()
    return world


@pytest.fixture(scope="module")
def fast(world: TabletopWorld):
    with RgbdRenderer(world.model, *SIZE) as renderer:
        yield renderer


def _shoot(world: TabletopWorld, image: RgbdImage, groups: tuple[int, ...], pixels: np.ndarray):
    """Depths (n,) where rays through pixel centres (n, 2), (row, column), meet drawn geoms."""
    shown = np.zeros(6, dtype=np.uint8)
    shown[list(groups)] = 1
    hit = np.zeros(1, dtype=np.int32)
    T, depth_m = image.T_world_camera, []
    for row, column in pixels:
        ray = np.linalg.solve(image.K, np.array([column, row, 1.0]))
        length = np.linalg.norm(ray)
        distance = mujoco.mj_ray(
            world.model, world.data, T.p, T.R @ ray / length, shown, 1, -1, hit
        )
        depth_m.append(distance / length if distance >= 0.0 else 0.0)
    return np.array(depth_m)


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_depth_agrees_with_rays_through_pixel_centres(world, fast, camera):
    image = fast.render(world.data, camera)
    rng = np.random.default_rng(1)
    pixels = np.stack([rng.integers(0, SIZE[1], 300), rng.integers(0, SIZE[0], 300)], axis=-1)
    expected = _shoot(world, image, (SHARED_GROUP, FAST_GROUP), pixels)
    error = np.abs(image.depth_m[pixels[:, 0], pixels[:, 1]] - expected)
    assert np.median(error) < 5e-4
    # Only pixels on an edge, where the ray and the rasteriser choose different sides, disagree.
    assert np.mean(error > 2e-3) < 0.02


def test_back_projected_cube_lies_where_the_cube_is(world, fast):
    image = fast.render(world.data, "front")
    frame = RgbdFrame(
        stamp_s=0.0,
        rgb=image.rgb,
        depth_m=image.depth_m,
        K=image.K,
        T_base_camera=image.T_world_camera,
    )
    points, pixels = backproject(frame)
    centre = world.T_base_body("red_cube").p
    near = np.all(np.abs(points - centre) < 0.03, axis=-1) & (points[:, 2] > 0.01)
    colours = image.rgb[pixels[near, 0], pixels[near, 1]].astype(int)
    assert len(colours) > 3
    assert np.median(colours[:, 0]) > 2 * np.median(colours[:, 1])


def test_frames_have_the_types_of_the_contract(world, fast):
    image = fast.render(world.data, "front")
    assert image.rgb.shape == (SIZE[1], SIZE[0], 3)
    assert image.rgb.dtype == np.uint8
    assert image.depth_m.shape == (SIZE[1], SIZE[0])
    assert image.depth_m.dtype == np.float32
    assert np.isfinite(image.depth_m).all()
    assert image.K[0, 2] == 0.5 * (SIZE[0] - 1)


def test_nothing_in_range_reads_zero():
    spec = mujoco.MjSpec()
    T = SE3.look_at((0.0, 0.0, 1.0), (1.0, 0.0, 1.4)) @ SE3.from_rotvec((np.pi, 0.0, 0.0))
    spec.worldbody.add_camera(name="up", pos=T.p.tolist(), quat=T.wxyz().tolist())
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 0.1, 0.1], group=SHARED_GROUP
    )
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with RgbdRenderer(model, 8, 8) as renderer:
        assert not renderer.render(data, "up").depth_m.any()


def test_the_same_state_gives_the_same_frame(world, fast):
    first, second = fast.render(world.data, "front"), fast.render(world.data, "front")
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.depth_m, second.depth_m)


def test_frames_are_not_overwritten_by_later_ones(world, fast):
    first = fast.render(world.data, "front")
    kept = first.rgb.copy()
    fast.render(world.data, "wrist")
    np.testing.assert_array_equal(first.rgb, kept)


@pytest.mark.parametrize("quality", [Quality.FILM, Quality.PICTURE])
def test_people_see_the_same_scene(world, fast, quality):
    # The camera on the hand looks straight down, where half a pixel makes no difference in depth.
    light = fast.render(world.data, "wrist").depth_m
    with RgbdRenderer(world.model, *SIZE, quality) as renderer:
        seen = renderer.render(world.data, "wrist").depth_m
    assert np.median(np.abs(light - seen)) < 1e-3
    assert np.mean(np.abs(light - seen) > 5e-3) < 0.1


def test_rendering_leaves_the_model_as_it_was(world):
    before = (world.model.vis.quality.offsamples, world.model.vis.quality.shadowsize)
    with RgbdRenderer(world.model, *SIZE):
        after = (world.model.vis.quality.offsamples, world.model.vis.quality.shadowsize)
    assert before == after


def test_unknown_camera_is_named_with_what_there_is(world, fast):
    with pytest.raises(UnknownNameError, match=r"'frnt'.*Did you mean 'front'"):
        fast.render(world.data, "frnt")


def test_closed_renderer_refuses(world):
    renderer = RgbdRenderer(world.model, *SIZE)
    renderer.close()
    renderer.close()
    with pytest.raises(RobotFault):
        renderer.render(world.data, "front")


def test_without_opengl_the_message_names_the_package():
    # PyOpenGL bound to another platform is how MuJoCo's EGL is made to fail here.
    code = (
        "from sim.gl import check\n"
        "from robot_skills.core.errors import MissingDependencyError\n"
        "try:\n    check()\nexcept MissingDependencyError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "osmesa"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "apt-get install libegl1" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1


def test_twins_are_light_and_only_seen(world):
    model = world.model
    faces = {}
    for group in (FULL_GROUP, FAST_GROUP):
        geoms = np.flatnonzero(model.geom_group == group)
        assert len(geoms) > 0
        faces[group] = model.mesh_facenum[model.geom_dataid[geoms]].sum()
        if group == FAST_GROUP:
            assert not model.geom_contype[geoms].any()
            assert not model.geom_conaffinity[geoms].any()
    assert faces[FAST_GROUP] < 0.2 * faces[FULL_GROUP]


def test_textured_meshes_keep_their_texture(world):
    can = world.model.geom("can_mesh")
    assert can.group[0] == SHARED_GROUP
    assert world.model.mesh_texcoordadr[can.dataid[0]] >= 0


def test_decimation_keeps_the_shape_of_a_dense_sphere():
    dense = mujoco.MjSpec()
    dense.add_mesh(name="ball").make_sphere(subdivision=4)
    dense.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="ball")
    model = dense.compile()
    points, triangles = meshes.decimate(
        model.mesh_vert.astype(np.float64), model.mesh_face, model.mesh_facenum[0] // 10
    )
    assert len(triangles) <= model.mesh_facenum[0] // 10
    radius = np.linalg.norm(points, axis=-1)
    assert radius.min() > 0.97
    assert radius.max() < 1.03


def _shell_world(folder: Path) -> mujoco.MjSpec:
    """A world that sees one heavy mesh file."""
    steps = np.linspace(0.0, 1.0, 24)
    grid = np.stack([*np.meshgrid(steps, steps), np.zeros((24, 24))], axis=-1)
    grid[..., 2] = 0.1 * np.sin(6.0 * grid[..., 0])
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in grid.reshape(-1, 3)]
    for i in range(23):
        for j in range(23):
            a = 24 * i + j + 1
            lines += [f"f {a} {a + 1} {a + 24}", f"f {a + 1} {a + 25} {a + 24}"]
    (folder / "cloth.obj").write_text("\n".join(lines), encoding="utf-8")
    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="cloth", file=str(folder / "cloth.obj"))
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH, meshname="cloth", group=FULL_GROUP, pos=[0.1, 0.2, 0.3]
    )
    return spec


def _world_box(model: mujoco.MjModel, group: int) -> np.ndarray:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    geom = int(np.flatnonzero(model.geom_group == group)[0])
    mesh = model.geom_dataid[geom]
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    points = model.mesh_vert[first : first + count] @ data.geom_xmat[geom].reshape(3, 3).T
    points = points + data.geom_xpos[geom]
    return np.stack([points.min(axis=0), points.max(axis=0)])


def test_a_twin_lies_where_its_mesh_does(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = _shell_world(tmp_path)
    meshes.add_fast_visuals(spec)
    model = spec.compile()
    full, twin = _world_box(model, FULL_GROUP), _world_box(model, FAST_GROUP)
    np.testing.assert_allclose(twin, full, atol=0.02)


def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    faces = []
    for _ in range(2):
        spec = _shell_world(tmp_path)
        meshes.add_fast_visuals(spec, keep_full=False)
        faces.append(spec.compile().nmeshface)
        (stored,) = meshes.cache_directory().glob("*.npz")
        stored.write_bytes(b"not a zip file")
    assert faces[0] == faces[1]


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    spec = _shell_world(tmp_path)
    meshes.add_fast_visuals(spec, keep_full=False)
    assert spec.compile().nmeshface < 23 * 23 * 2


def test_a_backend_whose_library_is_missing_is_refused_before_mujoco_is_imported(monkeypatch):
    monkeypatch.setitem(gl._LIBRARIES, "osmesa", (("libNoSuchThing.so.0",), "libosmesa6"))
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    with pytest.raises(MissingDependencyError, match="apt-get install libosmesa6"):
        gl.check_library()
    monkeypatch.setenv("MUJOCO_GL", "egl")
    gl.check_library()
