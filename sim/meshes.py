"""Light twins of heavy visual meshes, so that pictures for programs are cheap.

Drawing in software costs vertices, not pixels, and robot makers' meshes hold hundreds of thousands.
Each heavy mesh that is only seen gets a decimated twin (Garland & Heckbert, *Surface simplification
using quadric error metrics*, 1997). Both stay in one model, told apart by geom group, so the same
simulation serves programs and people. Twins are kept in the user's cache directory, under the hash
of what they were made from.
"""

import hashlib
import logging
import os
import tempfile
import zipfile
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

SHARED_GROUP = 1
"""Geom group of what is drawn in every quality."""
FULL_GROUP = 2
"""Geom group of what is drawn for people; once decimated, of the meshes that have a twin."""
FAST_GROUP = 4
"""Geom group of the twins; drawn for programs. Viewers hide it at start."""

_FACE_FRACTION = 0.12
_MIN_FACES = 250
# Lighter ones are cheap as they are.
_HEAVY_FACES = 400
_SAME_POINT_M = 1e-7
_COARSE_M = 1e-3
# Part of every cache key: raise it when the way twins are made changes.
_RECIPE = 1


def add_fast_visuals(spec: mujoco.MjSpec, *, keep_full: bool = True) -> None:
    """Give every heavy mesh that is only seen a decimated twin in `FAST_GROUP`.

    Geoms of `FULL_GROUP` that get no twin (primitives, light or textured meshes, whose texture
    coordinates a twin would lose) move to `SHARED_GROUP`. Contact and mass stay as they are.

    Args:
        spec: Model to change; call once, before or after it is attached to another.
        keep_full: Whether the heavy meshes stay for pictures that people see. Without them the
            model compiles several times faster, and the twins are drawn for people too.
    """
    meshes = {mesh.name: mesh for mesh in spec.meshes}
    textured = {material.name for material in spec.materials if any(material.textures)}
    twins: dict[str, str | None] = {}
    for geom in [geom for geom in spec.geoms if geom.group == FULL_GROUP]:
        mesh = meshes.get(geom.meshname)
        if mesh is None or geom.type != mujoco.mjtGeom.mjGEOM_MESH or geom.material in textured:
            geom.group = SHARED_GROUP
            continue
        if mesh.name not in twins:
            twins[mesh.name] = _add_twin_mesh(spec, mesh)
        twin = twins[mesh.name]
        if twin is None:
            geom.group = SHARED_GROUP
        elif keep_full:
            _add_twin_geom(geom, twin)
        else:
            geom.meshname = twin
            geom.group = SHARED_GROUP
    if not keep_full:
        _drop_unused(spec, {name for name, twin in twins.items() if twin is not None})


def decimate(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], target_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A surface with about `target_faces` triangles, close to the given one.

    Args:
        vertices: (n, 3); may repeat, as files with one normal per corner make them.
        faces: Triangles as vertex indices, (m, 3).
        target_faces: How many triangles to keep at most.
    """
    target = max(target_faces, 4)
    points, triangles = _simplify(*_weld(vertices, faces, _SAME_POINT_M), target)
    if len(triangles) > 2 * target:
        # Thin rings and doubled walls stall the collapse of edges; a little coarser they do not.
        points, triangles = _simplify(*_weld(vertices, faces, _COARSE_M), target)
    return points, triangles


def _simplify(
    points: NDArray[np.float64], triangles: NDArray[np.int32], target_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    import fast_simplification

    if len(triangles) <= target_faces:
        return points, triangles
    simplified = fast_simplification.simplify(points, triangles, target_count=target_faces)
    return simplified[0].astype(np.float64), simplified[1].astype(np.int32)


def _weld(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], cell_m: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Merge the vertices of each grid cell into their mean; drop faces that vanish or repeat."""
    cells, index = np.unique(
        np.round(vertices / cell_m).astype(np.int64), axis=0, return_inverse=True
    )
    index = index.reshape(-1)
    sums = np.stack(
        [np.bincount(index, weights=column, minlength=len(cells)) for column in vertices.T], axis=-1
    )
    points = sums / np.bincount(index, minlength=len(cells))[:, None]
    triangles = index[faces].astype(np.int32)
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return points, triangles[np.sort(first)]


def cache_directory() -> Path:
    """Where twins are kept: below `XDG_CACHE_HOME`, or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "robot-skills" / "meshes"


def _add_twin_geom(geom: mujoco.MjsGeom, mesh_name: str) -> None:
    twin = geom.parent.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=mesh_name,
        pos=list(geom.pos),
        quat=list(geom.quat),
        rgba=list(geom.rgba),
        material=geom.material,
        group=FAST_GROUP,
        contype=0,
        conaffinity=0,
        mass=0.0,
    )
    twin.alt = geom.alt


def _drop_unused(spec: mujoco.MjSpec, candidates: set[str]) -> None:
    used = {geom.meshname for geom in spec.geoms}
    for mesh in [mesh for mesh in spec.meshes if mesh.name in candidates - used]:
        spec.delete(mesh)


def _add_twin_mesh(spec: mujoco.MjSpec, mesh: mujoco.MjsMesh) -> str | None:
    """Add the decimated twin of a mesh and return its name; None when it is light already."""
    source = _source(spec, mesh)
    if source is None:
        return None
    vertices, faces = _cached_twin(mesh, source)
    if len(faces) == 0:
        return None
    name = f"{mesh.name}_fast"
    twin = spec.add_mesh(
        name=name, uservert=vertices.reshape(-1).tolist(), userface=faces.reshape(-1).tolist()
    )
    # Open surfaces have no volume; the twin has no mass anyway.
    twin.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    return name


def _source(spec: mujoco.MjSpec, mesh: mujoco.MjsMesh) -> Path | None:
    """File of a mesh; None when it has none that can be read (then it keeps its detail)."""
    if not mesh.file:
        return None
    path = Path(spec.modelfiledir or "") / (spec.meshdir or "") / mesh.file
    return path if path.is_file() else None


def _cached_twin(
    mesh: mujoco.MjsMesh, source: Path
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices and faces of the twin; no faces when the mesh is light."""
    path = cache_directory() / f"{_key(mesh, source)}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["vertices"], stored["faces"]
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _log.warning("Making mesh twin %s again: %s", path, error)
    vertices, faces = _read(mesh, source)
    if len(faces) <= _HEAVY_FACES:
        vertices, faces = np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32)
    else:
        vertices, faces = decimate(
            vertices, faces, max(_MIN_FACES, round(_FACE_FRACTION * len(faces)))
        )
    _store(path, vertices, faces)
    return vertices, faces


def _key(mesh: mujoco.MjsMesh, source: Path) -> str:
    shape = np.concatenate([mesh.scale, mesh.refpos, mesh.refquat])
    recipe = f"{_RECIPE} {_FACE_FRACTION} {_MIN_FACES} {_HEAVY_FACES} {source.suffix}"
    digest = hashlib.sha256(recipe.encode())
    digest.update(shape.astype("<f8").tobytes())
    digest.update(source.read_bytes())
    return digest.hexdigest()


def _read(mesh: mujoco.MjsMesh, source: Path) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices and faces in the frame of the geoms that use the mesh, as MuJoCo reads them."""
    spec = mujoco.MjSpec()
    spec.add_mesh(
        name="mesh",
        file=str(source.resolve()),
        scale=list(mesh.scale),
        refpos=list(mesh.refpos),
        refquat=list(mesh.refquat),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh", contype=0, conaffinity=0
    )
    model = spec.compile()
    # Compiling moves a mesh to its inertial frame and the geom against it; undo that.
    R = np.empty(9)
    mujoco.mju_quat2Mat(R, model.mesh_quat[0])
    vertices = model.mesh_vert.astype(np.float64) @ R.reshape(3, 3).T + model.mesh_pos[0]
    return vertices, model.mesh_face.astype(np.int32)


def _store(path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> None:
    """Write atomically, for other processes may want the same twin. Failing costs time only."""
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            unfinished = Path(file.name)
            np.savez(file, vertices=vertices, faces=faces)
        os.replace(unfinished, path)
    except OSError as error:
        _log.warning("Mesh twins are not kept: %s", error)
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
