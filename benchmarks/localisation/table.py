"""The faults that are injected: sixty, twelve per layer."""

from benchmarks.localisation import (
    driver_faults,
    gate_faults,
    perception_faults,
    plan_faults,
    skill_faults,
)
from benchmarks.localisation.injection import Injection, Kind

_TAKEN = (
    "into the box",
    "onto another",
    "into the open drawer",
    "pack and signal",
    "peg into its hole",
    "tower",
)
"""Tasks that begin with a grasp."""
_LONG = ("stow away", "pack and signal", "tower", "insert and inspect", "push and stack")
"""Tasks with several things, so that there is something to go wrong later on."""
_ANY = (*_TAKEN, "stow away", "open the drawer", "light the button", "push and stack", "go over")

FAULTS: tuple[Kind, ...] = (
    Kind(name="a thing not seen any more", make=perception_faults.Hidden, tasks=_LONG, count=2),
    Kind(name="a thing never seen", make=perception_faults.NeverSeen, tasks=_ANY, count=1),
    Kind(
        name="a thing seen beside its place",
        make=perception_faults.Misplaced,
        tasks=_TAKEN,
        count=2,
    ),
    Kind(name="a thing seen to jump", make=perception_faults.Jumped, tasks=_LONG, count=1),
    Kind(
        name="two things taken for each other",
        make=perception_faults.Exchanged,
        tasks=_LONG,
        count=2,
    ),
    Kind(
        name="a picture that is frozen", make=perception_faults.FrozenPicture, tasks=_ANY, count=2
    ),
    Kind(name="a picture that is old", make=perception_faults.StalePicture, tasks=_ANY, count=1),
    Kind(name="no depth", make=perception_faults.NoDepth, tasks=_TAKEN, count=1),
    Kind(name="a call dropped", make=plan_faults.Dropped, tasks=_LONG, count=2),
    Kind(name="two calls swapped", make=plan_faults.Swapped, tasks=_LONG, count=2),
    Kind(name="a wrong thing", make=plan_faults.WrongThing, tasks=_TAKEN, count=2),
    Kind(name="calls backwards", make=plan_faults.Backwards, tasks=_LONG, count=2),
    Kind(name="a call dropped, unchecked", make=plan_faults.UncheckedDropped, tasks=_LONG, count=1),
    Kind(
        name="two calls swapped, unchecked",
        make=plan_faults.UncheckedSwapped,
        tasks=_LONG,
        count=1,
    ),
    Kind(
        name="a wrong thing, unchecked",
        make=plan_faults.UncheckedWrongThing,
        tasks=_TAKEN,
        count=1,
    ),
    Kind(
        name="calls backwards, unchecked",
        make=plan_faults.UncheckedBackwards,
        tasks=_LONG,
        count=1,
    ),
    Kind(name="ends early", make=skill_faults.EndsEarly, tasks=_ANY, count=2),
    Kind(name="stands still", make=skill_faults.StandsStill, tasks=_ANY, count=2),
    Kind(name="aims beside", make=skill_faults.AimsBeside, tasks=_ANY, count=3),
    Kind(name="answers what is no number", make=skill_faults.NotANumber, tasks=_ANY, count=2),
    Kind(name="never closes the hand", make=skill_faults.NeverCloses, tasks=_TAKEN, count=1),
    Kind(name="corrupt checkpoint", make=skill_faults.Corrupt, tasks=_ANY, count=2),
    Kind(name="workspace above the table", make=gate_faults.RaisedFloor, tasks=_ANY, count=2),
    Kind(name="narrow workspace", make=gate_faults.NarrowWorkspace, tasks=_ANY, count=2),
    Kind(name="tool speed far too low", make=gate_faults.TooSlow, tasks=_ANY, count=2),
    Kind(name="joint speeds far too low", make=gate_faults.SlowJoints, tasks=_ANY, count=2),
    Kind(name="refuses everything", make=gate_faults.RefusesAll, tasks=_ANY, count=2),
    Kind(name="arm's shape too fat", make=gate_faults.FatCapsule, tasks=_ANY, count=2),
    Kind(name="joint states stop", make=driver_faults.StatesStop, tasks=_ANY, count=3),
    Kind(name="commands get lost", make=driver_faults.CommandsLost, tasks=_ANY, count=3),
    Kind(name="a joint stalls", make=driver_faults.Stalled, tasks=_ANY, count=2),
    Kind(name="gripper stuck", make=driver_faults.GripperStuck, tasks=_TAKEN, count=2),
    Kind(name="emergency stop", make=driver_faults.EmergencyStop, tasks=_ANY, count=2),
)
"""Every kind, layer by layer."""
SOUND = Kind(name="nothing", make=Injection, tasks=_ANY, count=24)
"""Runs in which nothing goes wrong."""
