"""`robot-skills serve`: a policy for other programs and machines, over openpi's protocol."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from robot_skills.app.options import ServeOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import MissingDependencyError, RefusedError

if TYPE_CHECKING:
    from policies.faces import DescribedTask

API_KEY = "ROBOT_SKILLS_API_KEY"


def main(options: ServeOptions) -> CommandResult:
    """Serve what the options name until the time is over or somebody interrupts."""
    if (options.skill is None) == (options.checkpoint is None):
        raise RefusedError("Say what to serve: either --skill NAME or --checkpoint FOLDER.")
    if options.seconds is not None and options.seconds <= 0.0:
        raise RefusedError(f"--seconds must be positive, got {options.seconds:g}.")
    try:
        from policies.openpi.server import PolicyServer, ServerConfig
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Serving needs a package that is missing: {error.name}. Install robot-skills[serve]."
        ) from None
    config = ServerConfig(
        host=options.host, port=options.port, api_key=os.environ.get(API_KEY) or None
    )
    name = options.skill or str(options.checkpoint)
    server = PolicyServer(_policy(options), config, name)
    with server:
        url = server.url
        guard = "with the key of " + API_KEY if config.api_key else "without a key"
        print(f"{name} is served at {url} {guard}; stop it with Ctrl-C.", flush=True)
        try:
            server.wait(options.seconds)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    stats = server.stats
    print(
        f"{stats.chunks} chunks, {stats.refused} requests refused, "
        f"{stats.p50_ms:.2f} ms per chunk (95 %: {stats.p95_ms:.2f} ms)"
    )
    return CommandResult(payload={"name": name, "url": url, **asdict(stats)})


def _policy(options: ServeOptions) -> "DescribedTask":
    if options.checkpoint is not None:
        from policies.loading import load_task

        return load_task(options.checkpoint, options.device)
    from policies.faces import TaskOfSkill
    from policies.loading import load_policy
    from robot_skills.skills.library import SkillLibrary

    library = SkillLibrary.load(
        options.zoo or zoo_dir(), lambda directory: load_policy(directory, options.device)
    )
    return TaskOfSkill(library.policy(str(options.skill)))
