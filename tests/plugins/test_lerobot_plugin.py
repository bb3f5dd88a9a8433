"""Our policy inside LeRobot. Importing LeRobot takes ten seconds, so all of it is in here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from policies.lerobot_policy import LeRobotPolicy
from policies.loading import load_task
from tests.plugins.installing import PLUGIN, install, run

STATE, ENV, CAMERA = (
    "observation.state",
    "observation.environment_state",
    "observation.images.front",
)
NUMBERS = {STATE: (5,)}
EVERYTHING = {STATE: (5,), ENV: (2,), CAMERA: (3, 40, 48)}
TINY = {"width": 32, "blocks": 1, "image_width": 8, "embedding": 8, "image_size": (32, 32)}
HORIZON, ACTION, BATCH = 16, 3, 4


def make_config(inputs=NUMBERS, action=ACTION, **settings):
    from lerobot.configs import FeatureType, PolicyFeature

    from lerobot_policy_robot_skills import RobotSkillsDiffusionConfig

    kinds = {STATE: FeatureType.STATE, ENV: FeatureType.ENV}
    return RobotSkillsDiffusionConfig(
        input_features={
            key: PolicyFeature(kinds.get(key, FeatureType.VISUAL), shape)
            for key, shape in inputs.items()
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (action,))},
        device="cpu",
        push_to_hub=False,
        **(TINY | settings),
    )


def make_policy(config):
    from lerobot.policies.factory import get_policy_class

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return get_policy_class("robot_skills_diffusion")(config)


def make_batch(config, history: bool = True, seed: int = 0) -> dict[str, torch.Tensor]:
    """What LeRobot's dataloader gives (with histories) or its rollout (without)."""
    draws = torch.Generator().manual_seed(seed)
    n = (config.n_obs_steps,) if history else ()
    batch = {
        key: torch.rand(BATCH, *n, *feature.shape, generator=draws)
        for key, feature in config.input_features.items()
    }
    if config.language:
        batch["observation.language"] = torch.rand(BATCH, 384, generator=draws)
    if history:
        batch["action"] = torch.randn(BATCH, config.horizon, ACTION, generator=draws)
        batch["action_is_pad"] = torch.zeros(BATCH, config.horizon, dtype=torch.bool)
    return batch


def save(directory: Path, policy, config) -> Path:
    from lerobot.policies.factory import make_pre_post_processors

    shapes = {key: feature.shape for key, feature in config.input_features.items()}
    shapes = {key: (3, 1, 1) if len(shape) == 3 else shape for key, shape in shapes.items()}
    stats = {
        key: {"mean": torch.full(shape, 0.5), "std": torch.full(shape, 2.0)}
        for key, shape in (shapes | {"action": config.action_feature.shape}).items()
    }
    pre, post = make_pre_post_processors(config, dataset_stats=stats)
    policy.save_pretrained(directory)
    pre.save_pretrained(directory, config_filename="policy_preprocessor.json")
    post.save_pretrained(directory, config_filename="policy_postprocessor.json")
    return directory


@pytest.mark.parametrize("head", ["diffusion", "score", "flow", "regression"])
@pytest.mark.parametrize("trunk", ["residual_mlp", "mixer", "unet", "dit"])
def test_every_head_and_trunk_learns_and_samples(head, trunk):
    steps = 1 if head == "regression" else 3
    config = make_config(head=head, trunk=trunk, inference_steps=steps)
    policy = make_policy(config)
    loss, figures = policy.forward(make_batch(config))
    loss.backward()
    assert figures == {"chunk_loss": pytest.approx(float(loss.detach()))}
    assert any(
        float(p.grad.abs().sum()) > 0.0 for p in policy.network.parameters() if p.grad is not None
    )
    policy.update()
    action = policy.select_action(make_batch(config, history=False))
    assert action.shape == (BATCH, ACTION)
    assert torch.isfinite(action).all()


@pytest.mark.parametrize("inputs", [NUMBERS, {ENV: (2,)}, {CAMERA: (3, 40, 48)}, EVERYTHING])
@pytest.mark.parametrize("language", [False, True])
def test_any_mix_of_inputs_will_do(inputs, language):
    config = make_config(inputs, language=language, drop_goal=0.5 * language)
    policy = make_policy(config)
    loss, _ = policy.forward(make_batch(config))
    assert torch.isfinite(loss)
    assert policy.predict_action_chunk(make_batch(config)).shape == (BATCH, 8, ACTION)


def test_guidance_pushes_towards_the_sentence():
    chunks = []
    for guidance in (0.0, 3.0):
        config = make_config(language=True, drop_goal=0.2, guidance=guidance)
        policy = make_policy(config)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            chunks.append(policy.predict_action_chunk(make_batch(config)))
    assert not torch.equal(*chunks)


def test_padded_actions_are_not_learned():
    config = make_config()
    policy = make_policy(config)
    batch = make_batch(config)
    batch["action_is_pad"][:, 8:] = True
    other = dict(batch, action=batch["action"].clone())
    other["action"][:, 8:] = 0.0
    losses = []
    for one in (batch, other):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            # The padding is part of the noisy input, but none of it is asked for.
            losses.append(policy.forward(one)[0])
    assert losses[0] != losses[1]
    batch["action_is_pad"][:] = True
    assert float(policy.forward(batch)[0]) == 0.0


def test_averaged_weights_follow_and_are_what_runs():
    config = make_config()
    policy = make_policy(config)
    before = policy.average.denoiser.state_dict()
    name = next(iter(before))
    old = before[name].clone()
    with torch.no_grad():
        for value in policy.network.parameters():
            value.add_(1.0)
    policy.update()
    decay = 1.0 - 2.0**-0.75
    torch.testing.assert_close(policy.average.denoiser.state_dict()[name], old + (1.0 - decay))
    assert all(not value.requires_grad for value in policy.average.parameters())
    optimised = {id(value) for value in policy.get_optim_params()}
    assert optimised == {id(value) for value in policy.network.parameters()}

    def chunk() -> torch.Tensor:
        policy.reset()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return policy.predict_action_chunk(make_batch(config))

    first = chunk()
    with torch.no_grad():
        for value in policy.network.parameters():
            value.zero_()
    torch.testing.assert_close(chunk(), first)


def test_a_chunk_serves_several_actions_and_the_history_goes_on():
    config = make_config(n_action_steps=3)
    policy = make_policy(config)
    policy.reset()
    actions = [policy.select_action(make_batch(config, history=False, seed=i)) for i in range(4)]
    shown = [make_batch(config, history=False, seed=i) for i in (2, 3)]
    queues = list(policy._queues[STATE])
    torch.testing.assert_close(torch.stack(queues), torch.stack([one[STATE] for one in shown]))
    assert len(policy._queues["action"]) == 2
    assert not torch.equal(actions[0], actions[3])


def test_queued_observations_and_whole_histories_give_the_same_chunk():
    config = make_config(EVERYTHING)
    policy = make_policy(config)
    whole = make_batch(config)
    steps = [{key: whole[key][:, i] for key in EVERYTHING} for i in range(config.n_obs_steps)]

    def noise() -> None:
        policy.reset()
        policy._noise = torch.ones(BATCH, HORIZON, ACTION)

    noise()
    wanted = policy.predict_action_chunk({key: whole[key] for key in EVERYTHING})
    noise()
    for step in steps[:-1]:
        policy._queues["action"].append(torch.zeros(BATCH, ACTION))
        policy.select_action(step)
    torch.testing.assert_close(policy.select_action(steps[-1]), wanted[:, 0])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"trunk": "tree"}, "tree"),
        ({"head": "tail"}, "tail"),
        ({"head": "consistency"}, "teacher"),
        ({"head": "regression"}, "1 inference step"),
        ({"n_action_steps": 17}, "n_action_steps"),
        ({"width": 31}, "even"),
        ({"guidance": 1.0}, "drop_goal"),
        ({"ema_max": 1.0}, "ema_max"),
    ],
)
def test_contradictory_settings_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        make_config(**settings)


def test_a_dataset_with_nothing_to_see_is_refused():
    with pytest.raises(ValueError, match=r"observation\.images\.depth"):
        make_policy(make_config({"observation.images.depth": (1, 40, 48)}))


@pytest.mark.parametrize("language", [False, True])
def test_a_saved_policy_comes_back_and_runs_as_any_lerobot_policy(language, tmp_path):
    config = make_config(EVERYTHING, language=language)
    policy = make_policy(config)
    policy.forward(make_batch(config))
    policy.update()
    directory = save(tmp_path / "policy", policy, config)
    loaded = LeRobotPolicy.load(directory)
    rng = np.random.default_rng(0)
    history = {
        STATE: rng.normal(size=(2, 5)).astype(np.float32),
        ENV: rng.normal(size=(2, 2)).astype(np.float32),
        CAMERA: rng.integers(0, 255, (2, 40, 48, 3), dtype=np.uint8),
    }
    first = loaded.infer(history, "push it").actions
    assert first.shape == (8, ACTION)
    np.testing.assert_array_equal(loaded.infer(history, "push it").actions, first)
    other = loaded.infer(history, "open the drawer").actions
    assert np.array_equal(other, first) != language
    assert load_task(directory).horizon == 8


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return install(tmp_path_factory.mktemp("plugin"))


def test_the_wheel_has_the_name_that_lerobot_looks_for(site):
    (metadata,) = site.glob("*.dist-info/METADATA")
    assert f"\nName: {PLUGIN}\n" in metadata.read_text()
    assert (site / PLUGIN / "__init__.py").is_file()


TRAIN = """
import sys
from lerobot.scripts.lerobot_train import main
sys.argv[0] = "lerobot-train"
main()
"""


def test_lerobot_train_finds_the_installed_plugin_and_its_checkpoint_runs(site, tmp_path):
    from robot_skills.app.demonstrations import write_demonstrations
    from sim.dataset import Demonstration

    rng = np.random.default_rng(0)
    frames = 20
    demonstrations = [
        Demonstration(
            task="push it",
            state=rng.normal(size=(frames, 5)).astype(np.float32),
            action=rng.normal(size=(frames, ACTION)).astype(np.float32),
            label_valid=np.ones(frames, np.float32),
            done=np.zeros(frames, np.float32),
            phases=("push",) * frames,
            rgb={"front": rng.integers(0, 255, (frames, 48, 64, 3), dtype=np.uint8)},
            state_names=tuple("abcde"),
            action_names=tuple("xyz"),
        )
        for _ in range(2)
    ]
    data, out = tmp_path / "data", tmp_path / "out"
    write_demonstrations(demonstrations, data, fps=10, robot_type="arm", count=2)
    settings = {
        **{"policy.type": "robot_skills_diffusion", "policy.device": "cpu"},
        **{"policy.push_to_hub": "false", "policy.width": 32, "policy.blocks": 1},
        **{"policy.image_size": "[32,32]", "policy.language": "true"},
        **{"dataset.repo_id": "nobody/nothing", "dataset.root": data, "output_dir": out},
        **{"batch_size": 4, "steps": 3, "num_workers": 0, "wandb.enable": "false"},
    }
    run(site, "-c", TRAIN, *(f"--{key}={value}" for key, value in settings.items()))
    directory = out / "checkpoints" / "last" / "pretrained_model"
    assert json.loads((directory / "config.json").read_text())["type"] == "robot_skills_diffusion"
    policy = LeRobotPolicy.load(directory)
    assert int(policy._policy.updates) == 3
    history = {
        STATE: np.zeros((2, 5), np.float32),
        CAMERA: np.zeros((2, 48, 64, 3), np.uint8),
    }
    assert policy.infer(history, "push it").actions.shape == (8, ACTION)


EVAL = """
import sys
from lerobot.scripts.lerobot_eval import main
sys.argv[0] = "lerobot-eval"
main()
"""

WORLD = """
import gymnasium as gym
import numpy as np


class World(gym.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gym.spaces.Dict(
        {
            "agent_pos": gym.spaces.Box(-1.0, 1.0, (2,)),
            "environment_state": gym.spaces.Box(-1.0, 1.0, (16,)),
        }
    )
    action_space = gym.spaces.Box(-1e3, 1e3, (2,))
    task = task_description = "push it"
    _max_episode_steps = 12

    def __init__(self, **_):
        self.steps = 0

    def reset(self, seed=None, options=None):
        self.steps = 0
        return self.seen(), {}

    def step(self, action):
        self.steps += 1
        over = self.steps == self._max_episode_steps
        return self.seen(), 0.0, over, False, {"is_success": over}

    def seen(self):
        return {
            "agent_pos": np.full(2, 0.01 * self.steps, np.float32),
            "environment_state": np.zeros(16, np.float32),
        }

    def render(self):
        return np.zeros((32, 32, 3), np.uint8)


gym.register("gym_pusht/PushT-v0", World)
"""
"""Stands in for PushT, under its name: what counts is that LeRobot's own loop runs the policy."""


def test_lerobot_eval_finds_the_installed_plugin_and_runs_it(site, tmp_path):
    (site / "gym_pusht").mkdir()
    (site / "gym_pusht" / "__init__.py").write_text(WORLD)
    config = make_config({STATE: (2,), ENV: (16,)}, action=2, language=True)
    directory = save(tmp_path / "policy", make_policy(config), config)
    settings = {
        **{"policy.path": directory, "policy.device": "cpu", "output_dir": tmp_path / "out"},
        **{"env.type": "pusht", "env.obs_type": "environment_state_agent_pos"},
        **{"eval.n_episodes": 2, "eval.batch_size": 2, "eval.use_async_envs": "false"},
    }
    run(site, "-c", EVAL, *(f"--{key}={value}" for key, value in settings.items()))
    results = json.loads((tmp_path / "out" / "eval_info.json").read_text())
    assert results["overall"]["pc_success"] == 100.0
