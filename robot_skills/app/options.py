"""Options of every command. The text under a field is its help on the command line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

SceneSource = Literal["rgbd", "truth"]

MODEL_PLANNERS = LLM, VLM = ("llm", "vlm")
"""Planners that ask a language model: one that reads, and one that sees as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonOptions:
    """What every command takes."""

    json: bool = False
    """Print one line of JSON on stdout; everything else goes to stderr."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOptions:
    """Of --planner llm and vlm: which language model is asked, and what it may cost."""

    model: str | None = None
    """Name of the model, as the endpoint knows it."""
    base_url: str = "https://api.openai.com/v1"
    """Endpoint that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama
    (http://127.0.0.1:11434/v1), the server of llama.cpp (http://127.0.0.1:8080/v1)."""
    key_variable: str | None = None
    """Environment variable that holds the endpoint's key; OPENAI_API_KEY when left out, which is
    told only to encrypted endpoints and to this machine."""
    model_deadline: float = 60.0
    """Seconds until there has to be a whole answer, repetitions included; rules plan otherwise."""
    answer_tokens: int = 2000
    """Longest answer."""
    temperature: float | None = 0.0
    """Of sampling; None takes the model's own."""
    repairs: int = 2
    """How often the model may mend a plan that the checker refuses, before rules plan."""
    plans: int = 1
    """Plans to ask for at one go. Several become a tree, which is walked by what is seen: where a
    branch fails another is taken, and the model is asked again only when none is left."""
    cameras: tuple[str, ...] = ("front",)
    """Of --planner vlm and --critic: cameras whose pictures the model is shown."""
    critic: bool = False
    """Let the model look at what every skill has come to. It can doubt what the robot believes to
    be done, and there is another look then; it cannot make a failure a success."""
    exchanges: Path | None = None
    """Recording of all that is asked and answered (JSON lines), with pictures beside it."""
    exchange_mode: Literal["live", "record", "replay", "cache"] = "record"
    """What the recording is for: nothing, taking down what the model answers, answering without
    the model, or asking the model only for what is not in it."""
    max_tokens: int | None = None
    """Tokens that a run may spend; the request that could go beyond is not made."""
    max_cost: float | None = None
    """What a run may cost, in the currency of --prices."""
    prices: tuple[float, float] | None = None
    """Price of a million tokens asked, and of a million answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions(CommonOptions):
    """Carry out an instruction: plan it, check the plan, run its skills, verify the outcome.

    Exits 0 when the goal holds in the simulator's own state, 1 when the task failed, 2 when the
    instruction was refused.
    """

    instruction: Positional[str] = ""
    """What to do, in words; left out with --resume."""
    arm: str = "panda"
    """Arm of the cell: panda or ur5e."""
    scene: SceneSource = "rgbd"
    """Where the scene comes from: the cell's RGB-D cameras, or the simulator's state."""
    seed: int = 0
    """Of the layout and of every random choice in the run."""
    planner: str = "rules"
    """Who turns the words into a plan: rules (offline), llm (a language model, see --model), vlm
    (one that sees the cameras' pictures as well), learned (a small network that reads the words and
    sees the pictures; it also decides what comes after every skill). Where a model is no help,
    rules plan."""
    models: Annotated[ModelOptions, tyro.conf.arg(name="")] = field(default_factory=ModelOptions)
    forbid: Path | None = None
    """File of regions (YAML) in which nothing is touched, put down or pushed, whoever plans."""
    listen: bool = False
    """Heed corrections in words while it runs, one per line of the standard input, and those that
    were made in other runs; they are kept in --corrections, or in your data directory."""
    corrections: Path | None = None
    """File of corrections to heed and to keep them in; made where there is none."""
    correct_at: tuple[str, ...] = ()
    """Say things at times of the run, as if they were typed then: "2.5: higher" "4: slower"."""
    executive: str = "closed-loop"
    """What comes after the plan, and after every skill: closed-loop (tries again and plans again),
    fixed (every skill of the plan once, in order), sequencer (a learned one says what comes
    next)."""
    specification: str | None = None
    """What the whole run has to satisfy besides the words, a formula of linear temporal logic over
    finite traces, for example "always(not open(drawer))"; see docs/specifications.md."""
    out: Path | None = None
    """Folder for the video, the report and the episode log; nothing is written without it."""
    zoo: Path | None = None
    """Folder of the skills; the shipped ones when left out."""
    no_video: bool = False
    """Do not film the run; a film needs --out and makes the run slower."""
    memory: Path | None = None
    """File that remembers tasks and where things were seen; made where there is none. The simulated
    cell is kept beside it, one per --seed and --arm, and goes on as it was left."""
    resume: bool = False
    """Go on with the last task of --memory that was interrupted."""
    task: int | None = None
    """Number of the task to go on with, see `robot-skills memory list`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateOptions(CommonOptions):
    """Make demonstrations of one skill, or of one task of a suite, with its scripted expert.

    Only successful episodes are kept. An interrupted call goes on where it stopped when it is
    repeated with the same options.
    """

    skill: str | None = None
    """Demonstrate this skill."""
    suite: str | None = None
    """Demonstrate this task of a suite, SUITE:TASK, for example metaworld:reach."""
    out: Path
    """Folder of the dataset (LeRobot v3)."""
    episodes: int = 400
    """How many successful episodes to keep."""
    arm: str | None = None
    """Arm that demonstrates a skill, a Panda when left out; a suite's task brings its own."""
    seed: int = 0
    """Of layouts, noise and strategies."""
    workers: int = 2
    """Processes that generate at the same time."""
    cameras: tuple[str, ...] = ()
    """Cameras to record in colour and depth: of a skill front, wrist; a suite has its own. Without
    any only the state is kept."""
    camera_px: tuple[int, int] = (128, 128)
    """Width and height of recorded pictures."""
    randomise: Path | None = None
    """Of a skill: draw physics, delays, light, table and camera of every demonstration from this
    file, which `robot-skills sim2real` writes (randomisation.json)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions(CommonOptions):
    """Learn a policy from a dataset of demonstrations.

    What the policy sees follows from the dataset: tool and entities where it has the layout of our
    skills, else its numbers as they are. Cameras, depth, point clouds and words are added by name.
    """

    dataset: tuple[Path, ...]
    """Folder of a LeRobot v3 dataset, or several that belong together."""
    out: Path
    """Folder for the checkpoint."""
    trunk: Literal["residual_mlp", "mixer", "unet", "dit"] = "residual_mlp"
    """Network: residual MLP (fastest), MLP-mixer, 1-D U-Net, transformer."""
    preset: Literal["tiny", "base", "large"] = "base"
    """Size of the network."""
    head: Literal["diffusion", "score", "flow", "consistency", "regression"] = "score"
    """How chunks are learned and sampled; consistency distils a --teacher into one step."""
    inference_steps: int | None = None
    """Denoising steps per chunk; what suits the head when left out."""
    teacher: Path | None = None
    """Checkpoint to distil, for --head consistency."""
    horizon: int = 16
    """Actions in a chunk."""
    cameras: tuple[str, ...] = ()
    """Cameras that the policy sees, as the dataset names them: front, wrist."""
    channels: Literal["rgb", "depth", "rgbd"] = "rgb"
    """What of the cameras it sees."""
    image_px: tuple[int, int] = (96, 96)
    """Width and height that recorded pictures are resized to."""
    clouds: tuple[str, ...] = ()
    """Fixed cameras whose depth the policy sees as a point cloud in the base frame."""
    cloud_points: int = 256
    """Points of each cloud."""
    cloud_low_m: tuple[float, float, float] = (0.2, -0.5, -0.02)
    """Lower corner of the box in the base frame whose inside is seen in clouds."""
    cloud_high_m: tuple[float, float, float] = (0.9, 0.5, 0.5)
    """Upper corner of that box."""
    leave_out: tuple[str, ...] = ()
    """State numbers that the policy does not see, by name or pattern: "cup.*" for a policy that has
    to find the cup in its pictures."""
    language: bool = False
    """Show the policy the instruction, as a sentence embedding."""
    drop_goal: float = 0.0
    """Part of the windows without the instruction; makes goal-free behaviour and guidance."""
    guidance: float = 0.0
    """How far to push chunks towards the instruction; needs --drop-goal."""
    allow_constant: bool = False
    """Accept numbers that never change in the data."""
    steps: int = 20_000
    """Steps of the optimiser."""
    minutes: float | None = None
    """Stop after this much training, whatever the steps."""
    batch_size: int = 256
    """Windows per step."""
    seed: int = 0
    """Of the weights, the order of samples and the noise."""
    threads: int = 2
    """Processor threads."""
    device: str | None = None
    """Where to train: cpu, cuda; a GPU where there is one when left out."""
    compile: bool = False
    """Compile the network with TorchInductor."""
    log: bool = False
    """Write TensorBoard logs to `logs` in the checkpoint's folder."""
    wandb: str | None = None
    """Project of Weights & Biases to log to."""
    resume: bool = False
    """Go on from what an interrupted training left in `out`."""
    randomise: Path | None = None
    """Take from this file how far off things are seen and how the colours of pictures differ
    (randomisation.json of `robot-skills sim2real`); train on data of `generate --randomise`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions(CommonOptions):
    """Write a checkpoint's `policy.onnx`, with which it runs faster and without torch.

    It is written only when it answers as torch does. Training does this by itself.
    """

    checkpoint: Path
    """Folder of the checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompressOptions(CommonOptions):
    """Store a checkpoint in a half or a quarter of the space, in another folder.

    Only the file gets smaller: its weights are read as float32, and computing with them takes the
    time that it took. They are rounded for good, so keep the original to train on from or to
    compress otherwise. What the rounding changes of the answers is measured and printed. The
    checkpoint's worked example and its `policy.onnx` are made anew; its card and its success
    predictor are copied.
    """

    checkpoint: Positional[Path]
    """Folder of the checkpoint, stored in more bits."""
    out: Path
    """Folder for the smaller one; must not hold a checkpoint."""
    precision: Literal["float16", "int8"] = "int8"
    """float16: half the size; waypoints of the shipped skills move by about 0.01 mm. int8: a
    quarter, each row of a matrix as whole numbers of a step; they move by about 0.5 mm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalOptions(CommonOptions):
    """Measure success over unseen seeds: of one skill, or of the composed instructions.

    Prints n, successes, rate and the 95 % Wilson interval.
    """

    skill: str | None = None
    """Measure this skill alone."""
    suite: str | None = None
    """Measure composed instructions (tabletop), or a policy in a task: robosuite:lift,
    metaworld:reach."""
    level: Literal["I", "II", "III", "IV", "V"] | None = None
    """Of the suite tabletop: new layouts (I), unseen objects (II), scenes (III), tasks (IV) or
    arms (V). A level brings its own arms: --arm is not asked."""
    factor: str | None = None
    """Of the suite tabletop: vary this factor of level I alone, beside the same tasks as usual:
    light, texture, "camera pose", distractors, object, size, "table height", friction, mass; or
    all."""
    checkpoint: Path | None = None
    """Checkpoint to measure, ours or LeRobot's; the zoo's when left out. With --level: one policy
    for whole tasks, trained on the suite tabletop:training."""
    zoo: Path | None = None
    """Folder of skill cards to measure with; the shipped ones when left out."""
    zoos: tuple[Path, ...] = ()
    """Of --factor: several such folders, one per training seed."""
    arm: str = "panda"
    """Arm to measure on."""
    scene: SceneSource = "rgbd"
    """Where the scene comes from: the cell's RGB-D cameras, or the simulator's state."""
    episodes: int = 100
    """Seeds per skill, per instruction of a suite, per level, or per factor."""
    seed: int = 100_000
    """First seed; demonstrations use other ones."""
    execute_steps: int = 8
    """Actions of each chunk that are carried out, for policies in tasks."""
    workers: int = 2
    """Processes that evaluate at the same time."""
    figure: Path | None = None
    """Of --factor: where to draw the drops in success (PNG)."""
    record: bool = False
    """Write the result of a skill into its card."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutsOptions(CommonOptions):
    """Let a learned skill try again and again, with mishaps, and keep what it saw and how it ended.

    About half of the attempts are made to fail: things are seen wrong, pushed aside, taken away,
    slip, or the gripper is stuck. An interrupted call goes on where it stopped when it is repeated.
    """

    skill: Literal["grasp", "place", "insert"]
    """Which skill tries."""
    out: Path
    """Folder for the rollouts."""
    episodes: int = 300
    """How many attempts."""
    seed: int = 0
    """Of layouts, mishaps and sampling."""
    arm: str = "panda"
    """Arm that tries."""
    workers: int = 2
    """Processes that try at the same time."""
    checkpoint: Path | None = None
    """Policy that tries; the zoo's when left out."""
    zoo: Path | None = None
    """Folder of the skill cards; the shipped ones when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSuccessOptions(CommonOptions):
    """Learn to predict whether an attempt of a skill will succeed, from its rollouts.

    The predictor lies beside the checkpoint as success.safetensors and success.json; the policy's
    own files stay as they are.
    """

    rollouts: Path
    """Folder of rollouts to learn from, as `robot-skills rollouts` writes it."""
    test: Path
    """Folder of rollouts to measure on, of another seed."""
    checkpoint: Path
    """Folder of the checkpoint that made the rollouts."""
    seed: int = 0
    """Of weights, folds and the order of samples."""
    attempts: Path | None = None
    """Folder of rollouts such as are to come, by which it is decided when attempts end early
    (giving_up.json); those of --test to which nothing was made to happen when left out."""
    again_s: float = 0.0
    """Seconds after a failed attempt until another one can begin, for that decision."""
    figure: Path | None = None
    """Where to draw a picture of how reliable the probabilities are (PNG)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSequencerOptions(CommonOptions):
    """Learn which skill comes next, for `robot-skills run --executive sequencer`.

    Learned from imagined runs of the tabletop's training tasks and of others with a single wish, in
    which skills fail at random and the closed loop shows how to recover; measured on other such
    runs, and on tasks that were never shown.
    """

    out: Path
    """Folder for the checkpoint."""
    runs: int = 540
    """Imagined runs to learn from, the tasks in turn."""
    held_out: int = 75
    """Imagined runs to measure on, of each kind."""
    failing: float = 0.35
    """How often an attempt at a skill goes wrong in them."""
    steps: int = 1500
    """Steps of the optimiser."""
    seed: int = 0
    """Of the runs, the weights and the order of choices."""
    zoo: Path | None = None
    """Folder of the skill cards; the shipped ones when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillsList(CommonOptions):
    """List the skills with their arguments and measured success."""

    zoo: Path | None = None
    """Folder of the skills; the shipped ones when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillsShow(CommonOptions):
    """Show everything that one skill card says."""

    name: Positional[str]
    """Name of the skill."""
    zoo: Path | None = None
    """Folder of the skills; the shipped ones when left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillsDraft(CommonOptions):
    """Write a draft card for a skill that a run found missing, to be completed by hand.

    Ask for the task with `robot-skills run "..." --json > run.json`: where no skill has a wanted
    effect, the answer names the missing one. What only its teacher knows is marked with TODO.
    """

    from_missing: Path
    """What `robot-skills run --json` printed."""
    out: Path
    """File of the draft card (YAML); must not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillsAdd(CommonOptions):
    """Teach a skill: from demonstrations and a draft card to a skill that plans can use.

    Checks card and demonstrations, trains, measures success on unseen layouts in the simulator, and
    puts card and checkpoint into the library as one step: it is there whole or not at all. An
    interrupted call goes on where it stopped when it is repeated with the same options.

    Ten demonstrations can do. Where there are fewer than --episodes, each is repeated in the
    simulator in new scenes, relative to the thing that it is about, and kept where the effects of
    the card hold afterwards (MimicGen, 2023).
    """

    name: Positional[str]
    """Name of the skill, as its card says it."""
    dataset: Path
    """Folder of the demonstrations, a LeRobot v3 dataset of tool and entities."""
    card: Path
    """Draft card (YAML): a skill card without training and results."""
    zoo: Path | None = None
    """Library to add it to; begins as a copy of the shipped skills where it does not exist. The
    shipped ones when left out."""
    episodes: int = 200
    """Demonstrations to train on; what the dataset lacks is made from it in the simulator."""
    steps: int = 4000
    """Steps of the optimiser."""
    trials: int = 50
    """Unseen layouts to measure success on; 0 measures nothing."""
    arm: str = "panda"
    """Arm that repeats demonstrations, and that success is measured on."""
    scene: SceneSource = "rgbd"
    """Where the scene comes from when success is measured: RGB-D cameras, or the simulator."""
    seed: int = 0
    """Of scenes and training."""
    workers: int = 2
    """Processes, and processor threads in training."""


SkillsOptions = (
    Annotated[SkillsList, tyro.conf.subcommand(name="list")]
    | Annotated[SkillsShow, tyro.conf.subcommand(name="show")]
    | Annotated[SkillsDraft, tyro.conf.subcommand(name="draft")]
    | Annotated[SkillsAdd, tyro.conf.subcommand(name="add")]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOptions(CommonOptions):
    """Time us and a peer side by side in one run.

    A ratio above 1 means that we are that many times better; the limit is what the machine could do
    at best.
    """

    what: Positional[Literal["sim", "policy", "train", "read", "record", "control", "startup"]]
    """sim: control steps and camera frames; policy: one action chunk; train: learning; read:
    feeding a trainer; record: two RGB-D cameras beside a control loop; control: the safety gate's
    loop beside torch and cameras; startup: until it moves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions(CommonOptions):
    """Serve a policy to other programs and machines over openpi's WebSocket protocol.

    Runs until it is interrupted. With the environment variable ROBOT_SKILLS_API_KEY set, clients
    must show that key; without it only programs on this machine can be served.
    """

    skill: str | None = None
    """Serve the policy of this skill."""
    checkpoint: str | None = None
    """Serve this checkpoint: a folder, ours or LeRobot's, or a name on the Hugging Face hub."""
    zoo: Path | None = None
    """Folder of the skills; the shipped ones when left out."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 for all, which needs a key."""
    port: int = 8000
    """Port to listen at; 0 takes a free one."""
    device: str = "cpu"
    """Where the policy runs: cpu or cuda."""
    seconds: float | None = None
    """Stop after this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorOptions(CommonOptions):
    """Say what this machine can do and what is missing, with the command that mends it.

    With a cell: whether its file is right, and whether what is there is what it says. Nothing
    moves. Exits 0 when nothing failed, 1 when something did, 2 when the file is refused.
    """

    cell: str | None = None
    """Look at this cell: a file, or the name of a shipped one, for example ur5e_realsense."""
    offline: bool = False
    """Of a cell, look at its file and at this machine's devices alone."""
