"""LeRobot checkpoints run here. Importing LeRobot takes ten seconds, so all of it is in here."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from policies.faces import TaskOfSkill, input_history
from policies.lerobot_files import check_tensors
from policies.lerobot_policy import LeRobotOptions, LeRobotPolicy, feature_sizes
from policies.loading import load_policy, load_task
from robot_skills.core.errors import CheckpointError, RefusedError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES
from tests.contracts.test_policy_contract import make_input
from tests.policies.lerobot_checkpoints import (
    CAMERA,
    ENV,
    NUMBERS,
    SEEING,
    STATE,
    write_checkpoint,
    write_config,
)

CASES = {
    "act, numbers": ("act", NUMBERS),
    "act, camera": ("act", SEEING),
    "diffusion, numbers": ("diffusion", NUMBERS),
    "diffusion, camera": ("diffusion", SEEING),
    "vqbet, camera": ("vqbet", SEEING),
}
HORIZONS = {"act": 5, "diffusion": 4, "vqbet": 3}
STEPS = {"act": 1, "diffusion": 2, "vqbet": 3}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory) -> tuple[str, Path]:
    kind, inputs = CASES[request.param]
    return kind, write_checkpoint(tmp_path_factory.mktemp("lerobot") / "policy", kind, inputs)


@pytest.fixture(scope="module")
def act(tmp_path_factory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("act") / "policy", "act", NUMBERS)


@pytest.fixture(scope="module")
def seeing(tmp_path_factory) -> LeRobotPolicy:
    """ACT that looks through a camera."""
    directory = tmp_path_factory.mktemp("seeing") / "policy"
    return LeRobotPolicy.load(write_checkpoint(directory, "act", SEEING))


@pytest.fixture
def broken(act, tmp_path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(act, tmp_path / "policy"))


@pytest.fixture(scope="module")
def skill_checkpoint(tmp_path_factory) -> Path:
    """ACT of a skill dataset in two parts, since ACT does without neither of them."""
    table = STATE_NAMES.index("table.z")
    directory = write_checkpoint(
        tmp_path_factory.mktemp("skill") / "policy",
        "act",
        {STATE: (table,), ENV: (len(STATE_NAMES) - table,)},
        action=len(ACTION_NAMES),
    )
    (directory / "skill.json").write_text(json.dumps({"fps": 20.0}))
    return directory


def observations(steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        STATE: rng.normal(size=(steps, 7)).astype(np.float32),
        ENV: rng.normal(size=(steps, 2)).astype(np.float32),
        CAMERA: rng.integers(0, 255, (steps, 48, 64, 3), dtype=np.uint8),
    }


def test_a_checkpoint_answers_with_a_chunk_in_recorded_units(case):
    kind, directory = case
    policy = LeRobotPolicy.load(directory)
    chunk = policy.infer(observations(STEPS[kind]), "go")
    assert policy.observation_steps == STEPS[kind]
    assert policy.horizon == HORIZONS[kind]
    assert chunk.actions.shape == (HORIZONS[kind], 3)
    assert chunk.actions.dtype == np.float32
    assert np.isfinite(chunk.actions).all()
    assert chunk.done == 0.0


def test_seeds_decide_chunks_bit_for_bit_and_leave_torchs_own_numbers_alone(case):
    kind, directory = case
    policy = LeRobotPolicy.load(directory)
    history = observations(STEPS[kind])

    def episode(seed: int) -> np.ndarray:
        policy.reset(seed)
        return np.stack([policy.infer(history).actions for _ in range(2)])

    state = torch.get_rng_state()
    first = episode(3)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first, episode(3))
    if kind == "diffusion":
        assert not np.array_equal(first, episode(4))


@pytest.mark.parametrize("kind", ["diffusion", "vqbet"])
def test_the_whole_history_is_seen(kind, tmp_path):
    policy = LeRobotPolicy.load(write_checkpoint(tmp_path / "policy", kind, SEEING))
    history = observations(STEPS[kind])
    older = {key: value.copy() for key, value in history.items()}
    older[STATE][0] += 1.0
    policy.reset(0)
    one = policy.infer(history).actions
    policy.reset(0)
    other = policy.infer(older).actions
    assert not np.array_equal(one, other)


def test_chunks_are_lerobots_own(act):
    """What LeRobot executes step by step for one observation is our chunk."""
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.factory import make_pre_post_processors

    theirs = ACTPolicy.from_pretrained(act)
    pre, post = make_pre_post_processors(theirs.config, pretrained_path=str(act))
    history = observations(1)
    seen = {key: torch.from_numpy(history[key][0]) for key in NUMBERS}
    wanted = [post(theirs.select_action(pre(dict(seen))))[0].numpy() for _ in range(5)]
    chunk = LeRobotPolicy.load(act).infer(history)
    np.testing.assert_allclose(chunk.actions, np.stack(wanted), atol=1e-5)


def test_diffusion_chunks_are_lerobots_own(tmp_path):
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
    from lerobot.policies.factory import make_pre_post_processors

    directory = write_checkpoint(tmp_path / "policy", "diffusion", NUMBERS)
    theirs = DiffusionPolicy.from_pretrained(directory)
    pre, post = make_pre_post_processors(theirs.config, pretrained_path=str(directory))
    history = observations(2)
    # Two histories side by side, as a dataloader would give them.
    batch = {key: torch.from_numpy(history[key])[None] for key in NUMBERS}
    ours = LeRobotPolicy.load(directory)
    draws = torch.Generator().manual_seed(0)
    seed = int(torch.randint(2**62, (), generator=draws))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        wanted = post(theirs.predict_action_chunk(pre(batch)))[0].numpy()
    np.testing.assert_allclose(ours.infer(history).actions, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["smolvla", "pi0", "pi05"])
def test_settings_of_models_that_know_language_are_understood(kind, tmp_path):
    """Building them needs gigabytes from the hub; what is told of them beforehand does not."""
    from lerobot.configs import PreTrainedConfig

    write_config(tmp_path, kind, SEEING | {"observation.images.empty_camera_0": (3, 48, 64)})
    config = PreTrainedConfig.from_pretrained(tmp_path, cli_overrides=["--device=cpu"])
    sizes = feature_sizes(config, {})
    assert sizes.numbers == {STATE: 7}
    assert sizes.pictures == {CAMERA: (48, 64)}
    assert sizes.language


def test_a_model_whose_backbone_cannot_be_had_is_refused_in_one_line(act, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    directory = Path(shutil.copytree(act, tmp_path / "policy"))
    write_config(directory, "smolvla", SEEING)
    with pytest.raises(RefusedError, match="smolvla") as refused:
        LeRobotPolicy.load(directory)
    assert "\n" not in str(refused.value)


def test_a_lerobot_checkpoint_beside_a_card_is_a_skill(skill_checkpoint, tmp_path):
    from robot_skills.app.wiring import load_policy as load
    from robot_skills.app.zoo import zoo_dir
    from robot_skills.skills.library import SkillLibrary

    directory = Path(shutil.copytree(skill_checkpoint, tmp_path / "grasp"))
    card = (zoo_dir() / "grasp" / "card.yaml").read_text()
    assert "checkpoint: weights.safetensors" in card
    card = card.replace("checkpoint: weights.safetensors", "checkpoint: model.safetensors")
    (directory / "card.yaml").write_text(card)
    library = SkillLibrary.load(tmp_path, load)
    assert library.policy("grasp").horizon == 5


def test_settings_can_be_changed_when_loading(tmp_path):
    directory = write_checkpoint(tmp_path / "policy", "diffusion", NUMBERS)
    options = LeRobotOptions(overrides=("--n_action_steps=6", "--num_inference_steps=2"))
    assert LeRobotPolicy.load(directory, options).horizon == 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({STATE: None}, r"observation\.state"),
        ({STATE: np.zeros((1, 6), np.float32)}, "shape"),
        ({STATE: np.zeros((2, 7), np.float32)}, "shape"),
        ({STATE: np.full((1, 7), np.nan, np.float32)}, "not finite"),
        ({CAMERA: None}, r"images\.front"),
        ({CAMERA: np.zeros((1, 32, 32, 3), np.uint8)}, "shape"),
        ({CAMERA: np.zeros((1, 48, 64, 3), np.float32)}, "uint8"),
    ],
)
def test_observations_that_do_not_fit_are_refused(change, reason, seeing):
    history = observations(1) | change
    history = {key: value for key, value in history.items() if value is not None}
    with pytest.raises(RefusedError, match=reason):
        seeing.infer(history)


def test_a_checkpoint_of_a_skill_dataset_runs_as_a_skill(skill_checkpoint):
    policy = load_policy(skill_checkpoint)
    assert policy.period_s == pytest.approx(0.05)
    policy.reset(0)
    out = policy.infer(make_input(policy))
    assert out.T_base_tool.shape == (5, 4, 4)
    R = out.T_base_tool[:, :3, :3]
    np.testing.assert_allclose(
        R @ np.swapaxes(R, 1, 2), np.broadcast_to(np.eye(3), R.shape), atol=1e-6
    )
    assert ((out.opening >= 0.0) & (out.opening <= 1.0)).all()
    assert out.done == 0.0


def test_features_have_the_names_of_the_dataset_where_training_renamed_them(tmp_path):
    rename = {"observation.joints": STATE}
    directory = write_checkpoint(tmp_path / "policy", "act", NUMBERS, rename=rename)
    policy = LeRobotPolicy.load(directory)
    assert set(policy.sizes.numbers) == {"observation.joints", ENV}
    history = observations(1)
    history["observation.joints"] = history.pop(STATE)
    assert policy.infer(history).actions.shape == (5, 3)


def test_a_checkpoint_of_another_layout_is_no_skill(act):
    with pytest.raises(RefusedError, match="environment_state"):
        load_policy(act)


def test_a_skill_needs_its_fps(skill_checkpoint, tmp_path):
    directory = Path(shutil.copytree(skill_checkpoint, tmp_path / "policy"))
    (directory / "skill.json").unlink()
    with pytest.raises(RefusedError, match="fps"):
        load_policy(directory)
    fps = LeRobotOptions(fps=10.0)
    assert LeRobotPolicy.load(directory, fps).skill().period_s == pytest.approx(0.1)


def test_done_is_said_by_a_rule_that_the_notes_declare(act, broken):
    for still, done in ((1e9, 1.0), (0.0, 0.0)):
        (broken / "skill.json").write_text(json.dumps({"still": still}))
        assert LeRobotPolicy.load(broken).infer(observations(1)).done == done
    assert LeRobotPolicy.load(act).infer(observations(1)).done == 0.0


def test_done_is_said_by_a_termination_head_beside_the_checkpoint(
    skill_checkpoint, tiny_checkpoint, tmp_path
):
    directory = Path(shutil.copytree(skill_checkpoint, tmp_path / "policy"))
    shutil.copytree(tiny_checkpoint, directory / "end")
    (directory / "skill.json").write_text(json.dumps({"fps": 20.0, "termination": "end"}))
    policy, head = load_policy(directory), load_policy(tiny_checkpoint)
    assert policy.observation_steps == 2
    inputs = make_input(head)
    assert policy.infer(inputs).done == pytest.approx(head.infer(inputs).done, abs=1e-5)


def test_a_sidecar_with_unknown_entries_is_refused(broken):
    (broken / "skill.json").write_text('{"frames": 20}')
    with pytest.raises(CheckpointError, match="frames"):
        LeRobotPolicy.load(broken)


def edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text())
    for key, value in changes.items():
        values[key] = value
        if value is None:
            del values[key]
    path.write_text(json.dumps(values))


def rewrite_weights(directory: Path, change) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


def poison(tensors: dict[str, torch.Tensor]) -> None:
    next(t for t in tensors.values() if t.is_floating_point() and t.ndim == 2)[0, 0] = torch.nan


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def pickle_instead(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


def foreign_step(directory: Path) -> None:
    path = directory / "policy_preprocessor.json"
    values = json.loads(path.read_text())
    values["steps"][1] = {"class": "os.system", "config": {"command": "true"}}
    path.write_text(json.dumps(values))


def state_elsewhere(directory: Path) -> None:
    path = directory / "policy_preprocessor.json"
    values = json.loads(path.read_text())
    values["steps"][-1]["state_file"] = "../../stats.safetensors"
    path.write_text(json.dumps(values))


DAMAGES = {
    "no config": (lambda d: (d / "config.json").unlink(), "config.json cannot be read"),
    "config is no JSON": (lambda d: (d / "config.json").write_text("{"), "not JSON"),
    "no type": (lambda d: edit(d / "config.json", type=None), "no policy type"),
    "unknown type": (lambda d: edit(d / "config.json", type="mind"), "mind.*not registered"),
    "unknown setting": (lambda d: edit(d / "config.json", wings=2), "wings"),
    "an adapter": (lambda d: edit(d / "config.json", use_peft=True), "adapter"),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), "has no model.safetensors"),
    "only a pickle": (pickle_instead, "pickles can run code"),
    "a pickle under another name": (
        lambda d: (d / "model.safetensors").write_bytes(b"\x80\x04]\x94."),
        "is a pickle",
    ),
    "truncated": (lambda d: truncate(d / "model.safetensors"), "not a safetensors file"),
    "NaN": (lambda d: rewrite_weights(d, poison), "non-finite"),
    "weights missing": (
        lambda d: rewrite_weights(d, lambda t: t.pop("model.action_head.weight")),
        "action_head.weight",
    ),
    "foreign weights": (
        lambda d: rewrite_weights(d, lambda t: t.update(extra=torch.zeros(2))),
        "extra",
    ),
    "no preprocessor": (
        lambda d: (d / "policy_preprocessor.json").unlink(),
        "has no policy_preprocessor.json",
    ),
    "a step that runs code": (foreign_step, "not LeRobot's: 'os.system'"),
    "state outside": (state_elsewhere, "elsewhere"),
    "statistics truncated": (
        lambda d: truncate(next(d.glob("policy_preprocessor_step*"))),
        "not a safetensors file",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_in_one_line_before_anything_moves(damage, broken):
    act_on, reason = DAMAGES[damage]
    act_on(broken)
    with pytest.raises(CheckpointError, match=reason) as refused:
        LeRobotPolicy.load(broken)
    assert "\n" not in str(refused.value)
    assert str(broken) in str(refused.value)


def test_a_sound_file_may_begin_like_a_pickle(tmp_path):
    """Eight bytes with the length of the header come first, and that may be 0x480."""
    from safetensors.torch import save

    def padded(size: int) -> bytes:
        return save({"a": torch.zeros(1)}, metadata={"x": "y" * size})

    data = next(d for d in map(padded, range(2000)) if d[:2] == b"\x80\x04")
    (tmp_path / "model.safetensors").write_bytes(data)
    check_tensors(tmp_path, "model.safetensors")


def test_a_name_that_is_nowhere_is_refused(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="hub does not give it"):
        load_task("nobody/nothing")
    with pytest.raises(CheckpointError, match="no such folder"):
        load_task("nowhere")


def test_a_folder_without_a_policy_says_what_was_wanted(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(CheckpointError, match=r"manifest\.json.*remote\.json.*notes\.txt"):
        load_task(tmp_path)


def test_a_zoo_skill_can_show_its_task_face(tiny_checkpoint):
    policy = TaskOfSkill(load_policy(tiny_checkpoint))
    chunk = policy.infer({STATE: input_history(make_input(policy))})
    assert chunk.actions.shape == (policy.horizon, len(ACTION_NAMES))
