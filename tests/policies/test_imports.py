import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "pyarrow", "lerobot", "tensorboard")


def loaded_by(module: str) -> set[str]:
    code = f"import {module}, sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(out.stdout.split())


@pytest.mark.parametrize(
    "module", ["policies", "policies.config", "policies.features", "policies.dataset"]
)
def test_light_modules_load_nothing_heavy(module):
    assert not loaded_by(module) & set(HEAVY)


def test_running_a_policy_does_not_load_what_only_training_needs():
    assert not loaded_by("policies.diffusion") & {"diffusers", "lerobot", "pyarrow", "tensorboard"}
