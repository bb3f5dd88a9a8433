"""A dataset survives what happens to it, and knows every byte that changed."""

import os
import random

import pytest

from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import DatasetError, RefusedError, UnknownNameError
from robot_skills.data.names import checked_name
from robot_skills.data.reader import read_recorded
from robot_skills.data.recorder import Recorder, RecorderConfig
from robot_skills.data.sealed import read_sealed, write_sealed
from robot_skills.data.store import EpisodeStore, Manifest
from tests.data import recording
from tests.data.recording import BLIND, PERIOD_S, record, saved


@pytest.fixture
def dataset(tmp_path):
    recording.small_dataset(tmp_path / "small")
    store = EpisodeStore(tmp_path / "small")
    store.annotate(1, label="good one")
    return store


def damage_of(store):
    return [damage for _, found in store.verify() for damage in found]


def files_of(store):
    return sorted(p for p in store.root.rglob("*") if p.is_file() and p.stat().st_size)


def test_an_untouched_dataset_has_no_damage(dataset):
    assert damage_of(dataset) == []


def test_every_single_flipped_byte_is_found_and_named(dataset):
    """Each byte of the small files, and many of the logs."""
    rng = random.Random(1)
    for path in files_of(dataset):
        data = path.read_bytes()
        places = range(len(data)) if len(data) < 400 else rng.sample(range(len(data)), 60)
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << rng.randrange(8)
            path.write_bytes(changed)
            found = damage_of(dataset)
            name = str(path.relative_to(dataset.root))
            assert [one.file for one in found] == [name], (name, place)
            if name.startswith("episodes"):
                assert found[0].episode == int(path.parent.name)
        path.write_bytes(data)
    assert damage_of(dataset) == []


def test_missing_cut_and_foreign_files_are_found(dataset):
    log = dataset.entry(0).log
    data = log.read_bytes()
    log.write_bytes(data[:-1])
    assert "bytes" in damage_of(dataset)[0].what
    log.unlink()
    assert damage_of(dataset)[0].what == "is missing"
    log.write_bytes(data)
    (log.parent / "more.txt").write_text("?")
    assert damage_of(dataset)[0].what == "is in no manifest"


def test_a_missing_episode_is_found(dataset):
    os.rename(dataset.directory(0), dataset.root / "elsewhere")
    assert [(one.episode, one.what) for one in damage_of(dataset)] == [
        (0, "the episode is missing")
    ]


def test_a_damaged_episode_is_put_aside_and_the_rest_keeps_its_numbers(dataset):
    dataset.entry(0).log.write_bytes(b"rubbish")
    with dataset.writer(dataset.schema) as writer:
        writer.quarantine(0)
    assert dataset.numbers() == [1]
    assert read_recorded(dataset.entry(1), dataset).task == "lift the cube"
    with pytest.raises(UnknownNameError, match="no episode 0"):
        dataset.entry(0)


def test_the_root_hash_changes_with_anything_that_is_saved(dataset):
    before = dataset.root_hash()
    dataset.annotate(0, label="words")
    assert dataset.root_hash() == before
    manifest = dataset.directory(0) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"cube", b"cubf"))
    assert dataset.root_hash() != before


def test_a_damaged_log_is_refused_by_name(dataset):
    log = dataset.entry(0).log
    log.write_bytes(log.read_bytes()[:4000])
    with pytest.raises(DatasetError, match=r"episode\.mcap"):
        read_recorded(dataset.entry(0), dataset)


def test_a_sealed_file_reads_back_and_a_changed_one_does_not(tmp_path):
    values = {"format": 1, "words": "größer", "list": [1, 2.5, None], "deep": {"a": True}}
    write_sealed(tmp_path / "a.json", values)
    assert read_sealed(tmp_path / "a.json") == values
    (tmp_path / "a.json").write_bytes((tmp_path / "a.json").read_bytes() + b" ")
    with pytest.raises(DatasetError, match="damaged"):
        read_sealed(tmp_path / "a.json")
    with pytest.raises(DatasetError, match="missing"):
        read_sealed(tmp_path / "b.json")


def crash(root, *, ticks, journal, wait_s=1.0):
    """Record an episode, then one that is interrupted by killing the recorder."""
    import time

    clock = ManualClock()
    recorder = Recorder(root, BLIND, clock, RecorderConfig(reserve_bytes=0, journal=journal))
    recorder.start()
    record(recorder, clock)
    saved(recorder)
    record(recorder, clock, ticks=ticks, end=False)
    time.sleep(wait_s)
    assert recorder._process is not None
    recorder._process.kill()
    recording.failed(recorder)
    recorder.close()


def test_a_crash_costs_the_episode_that_was_being_recorded(tmp_path):
    crash(tmp_path / "d", ticks=40, journal=False)
    store = EpisodeStore(tmp_path / "d")
    assert len(store.leftovers()) == 1
    with Recorder(tmp_path / "d", BLIND, ManualClock(), recording.SMALL):
        assert store.leftovers() == []
    assert store.numbers() == [0]
    assert damage_of(store) == []


def test_a_journal_keeps_what_was_recorded_before_the_last_second(tmp_path):
    crash(tmp_path / "d", ticks=40, journal=True)
    store = EpisodeStore(tmp_path / "d")
    for _ in range(2):  # Once more changes nothing.
        with Recorder(tmp_path / "d", BLIND, ManualClock(), recording.SMALL):
            assert store.leftovers() == []
        assert store.numbers() == [0, 1]
    entry = store.entry(1)
    assert entry.manifest.recovered
    episode = read_recorded(entry, store)
    assert len(episode.arms["arm"].stamp_s) == 40
    assert episode.duration_s == pytest.approx(39 * PERIOD_S)
    assert [subtask.words for subtask in episode.subtasks] == ["reach", "lift"]
    assert damage_of(store) == []


def test_recovery_that_is_interrupted_recovers_nothing_twice(tmp_path):
    crash(tmp_path / "d", ticks=40, journal=True)
    store = EpisodeStore(tmp_path / "d")
    leftover = store.leftovers()[0]
    kept = (leftover / "episode.mcap").read_bytes()
    with Recorder(tmp_path / "d", BLIND, ManualClock(), recording.SMALL):
        pass
    # As if the machine had stopped before the leftover was removed, and once while it was copied.
    leftover.mkdir()
    (leftover / "episode.mcap").write_bytes(kept)
    copy = store.root / "partial" / "copy-000001-abc"
    copy.mkdir()
    (copy / "episode.mcap").write_bytes(kept[:3000])
    with Recorder(tmp_path / "d", BLIND, ManualClock(), recording.SMALL):
        assert store.leftovers() == []
    assert store.numbers() == [0, 1]


@pytest.mark.parametrize("content", [b"", b"\x89MC", b"\x89MCAP0\r\n\x01", b"rubbish" * 9])
def test_a_leftover_that_is_nearly_nothing_is_removed(tmp_path, content):
    recording.small_dataset(tmp_path / "d", episodes=1, cameras=False)
    leftover = tmp_path / "d" / "partial" / "000001-abc"
    leftover.mkdir()
    (leftover / "episode.mcap").write_bytes(content)
    with Recorder(tmp_path / "d", BLIND, ManualClock(), recording.SMALL):
        pass
    store = EpisodeStore(tmp_path / "d")
    assert store.leftovers() == []
    assert store.numbers() == [0]


def test_everything_is_on_disk_before_the_episode_appears(tmp_path, monkeypatch):
    """The order of what is asked of the system, which decides what a power cut can undo."""
    order = []
    store = EpisodeStore(tmp_path / "d")
    names = {}

    def path_of(descriptor):
        return os.readlink(f"/proc/self/fd/{descriptor}")

    real_fsync, real_rename = os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda fd: (order.append(("sync", path_of(fd))), real_fsync(fd))
    )
    monkeypatch.setattr(
        os, "rename", lambda a, b: (order.append(("rename", str(b))), real_rename(a, b))
    )
    with store.writer(BLIND) as writer:
        directory = writer.begin()
        names["partial"] = str(directory)
        order.clear()
        writer.commit(directory, _manifest())
    kinds = [(kind, path.replace(str(tmp_path), "")) for kind, path in order]
    renamed = kinds.index(("rename", "/d/episodes/000000"))
    before, after = kinds[:renamed], kinds[renamed:]
    partial = names["partial"].replace(str(tmp_path), "")
    assert ("sync", f"{partial}/manifest.json.part") in before
    assert ("sync", partial) in before
    assert ("sync", "/d/episodes") in after


def _manifest():
    from robot_skills.core.annotation import Outcome

    return Manifest(
        number=-1,
        task="t",
        outcome=Outcome.UNKNOWN,
        duration_s=1.0,
        start_s=0.0,
        started="2026-01-02T03:04:05+00:00",
        recovered=False,
        files={},
        streams={},
        origin={},
    )


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "",
        ".",
        "..",
        "a\x00b",
        "con",
        "nul.txt",
        "A",
        "ü",
        "x" * 65,
        "-x",
        "a..b",
        "x.",
        "a b",
        "a\n",
        "ｅvil",
        "com1",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(RefusedError, match="cannot name"):
        checked_name("dataset", name)


def test_random_names_create_nothing_outside(tmp_path):
    rng = random.Random(0)
    inside = tmp_path / "inside"
    inside.mkdir()
    for _ in range(1000):
        name = "".join(rng.choice("./\\ab0-_~\0 ü") for _ in range(rng.randint(0, 12)))
        try:
            path = inside / checked_name("dataset", name)
        except RefusedError:
            continue
        assert path.resolve().parent == inside
        path.mkdir(exist_ok=True)
    assert list(tmp_path.iterdir()) == [inside]
