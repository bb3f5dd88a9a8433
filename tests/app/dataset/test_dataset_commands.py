"""`robot-skills dataset` says what is true, refuses what makes no sense, and loses nothing."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tyro

from robot_skills.app.dataset.command import main
from robot_skills.app.dataset.export import chosen_entries, trimmed
from robot_skills.app.dataset.options import (
    DatasetExport,
    DatasetImport,
    DatasetInfo,
    DatasetMerge,
    DatasetOptions,
    DatasetRepair,
    DatasetSplit,
    DatasetVerify,
)
from robot_skills.app.dataset.split import parse_numbers, parse_parts
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError, RefusedError, UnknownNameError
from robot_skills.data.store import EpisodeStore
from tests.data import recording


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    root = tmp_path_factory.mktemp("shipped") / "small"
    recording.small_dataset(root, episodes=3)
    return root


@pytest.fixture
def dataset(shipped, tmp_path):
    """A dataset that a test may spoil."""
    root = tmp_path / "small"
    shutil.copytree(shipped, root)
    return root


def spoil(root, number, place=2000):
    log = EpisodeStore(root).entry(number).log
    data = bytearray(log.read_bytes())
    data[place] ^= 1
    log.write_bytes(data)


def parsed(*args):
    return tyro.cli(
        DatasetOptions,  # type: ignore[arg-type]
        args=list(args),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.CascadeSubcommandArgs),
    )


def test_every_subcommand_is_read_from_its_words():
    assert parsed("verify", "d", "--expect", "abc").expect == "abc"
    assert parsed("merge", "a", "b", "--out", "c").datasets[1].name == "b"
    assert parsed("split", "d", "--out", "c", "--episodes", "0-3").episodes == "0-3"
    assert parsed("export", "d", "--out", "o", "--no-depth", "--all").no_depth
    assert parsed("report", "d", "--out", "r.html", "--by", "origin.code").by == "origin.code"
    assert isinstance(parsed("import", "s", "--out", "d"), DatasetImport)
    assert isinstance(parsed("repair", "d", "--quarantine"), DatasetRepair)
    assert isinstance(parsed("info", "d"), DatasetInfo)


def test_an_untouched_dataset_verifies(dataset, capsys):
    result = main(DatasetVerify(dataset=dataset))
    assert result.exit_code == 0
    assert result.payload["damage"] == []
    assert result.payload["bytes"] == sum(p.stat().st_size for p in dataset.rglob("*.mcap"))
    root_hash = result.payload["root_hash"]
    assert root_hash == EpisodeStore(dataset).root_hash()
    assert root_hash in capsys.readouterr().out
    assert main(DatasetVerify(dataset=dataset, expect=root_hash)).exit_code == 0
    assert main(DatasetVerify(dataset=dataset, expect="0" * 64)).exit_code == 1


def test_every_damage_is_named(dataset, capsys):
    spoil(dataset, 0)
    spoil(dataset, 2)
    result = main(DatasetVerify(dataset=dataset))
    assert result.exit_code == 1
    assert [one["episode"] for one in result.payload["damage"]] == [0, 2]
    said = capsys.readouterr().out
    assert "episode 0: episodes/000000/episode.mcap: has other content than was saved" in said
    assert "episode 2: episodes/000002/episode.mcap" in said


def test_repair_puts_damage_aside_once(dataset, capsys):
    spoil(dataset, 1)
    result = main(DatasetRepair(dataset=dataset, quarantine=True))
    assert result.payload["put_aside"] == [1]
    assert EpisodeStore(dataset).numbers() == [0, 2]
    assert "put episode 1 aside" in capsys.readouterr().out
    again = main(DatasetRepair(dataset=dataset, quarantine=True))
    assert again.payload == {"recovered": [], "removed": 0, "put_aside": []}
    assert "nothing to do" in capsys.readouterr().out
    verified = main(DatasetVerify(dataset=dataset))
    assert verified.exit_code == 0
    assert verified.payload["put_aside"] == [1]


def test_repair_mends_a_damaged_manifest_only_when_told_to(dataset):
    manifest = EpisodeStore(dataset).directory(0) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-5])
    with pytest.raises(DatasetError, match="--quarantine"):
        main(DatasetRepair(dataset=dataset))
    assert main(DatasetRepair(dataset=dataset, quarantine=True)).payload["put_aside"] == [0]


def test_repair_removes_what_a_crash_left(dataset):
    left = dataset / "partial" / "000003-abc"
    left.mkdir()
    (left / "episode.mcap").write_bytes(b"rubbish" * 9)
    assert main(DatasetRepair(dataset=dataset)).payload["removed"] == 1
    assert not left.exists()


def test_info_counts(dataset, capsys):
    store = EpisodeStore(dataset)
    store.annotate(1, discarded=True, outcome=Outcome.FAILURE)
    payload = main(DatasetInfo(dataset=dataset)).payload
    assert payload["episodes"] == 3
    assert payload["outcomes"] == {"success": 2, "failure": 1, "unknown": 0}
    assert payload["discarded"] == 1
    assert payload["seconds"] == pytest.approx(3.0, abs=0.01)
    said = capsys.readouterr().out
    assert "front, 32 x 24 px, 20 Hz, colour and depth" in said
    assert "lift the cube" in said


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    for options in (DatasetVerify(dataset=tmp_path), DatasetRepair(dataset=tmp_path)):
        with pytest.raises(DatasetError, match="no dataset"):
            main(options)
    assert list(tmp_path.iterdir()) == []


def test_merge_and_split_are_inverse(dataset, tmp_path, capsys):
    out = tmp_path / "parts"
    split = main(DatasetSplit(dataset=dataset, out=out, parts="train=0.67,test=0.33", seed=1))
    train, test = out / "train", out / "test"
    assert len(EpisodeStore(train).numbers()) == 2
    assert len(EpisodeStore(test).numbers()) == 1
    assert set(split.payload["parts"]) == {"train", "test"}
    merged = main(DatasetMerge(datasets=(train, test), out=tmp_path / "again"))
    assert merged.payload["episodes"] == 3
    hashes = {
        entry.manifest.files["episode.mcap"].sha256
        for entry in EpisodeStore(tmp_path / "again").entries()
    }
    assert hashes == {
        entry.manifest.files["episode.mcap"].sha256 for entry in EpisodeStore(dataset).entries()
    }
    assert main(DatasetVerify(dataset=tmp_path / "again")).exit_code == 0


def test_chosen_episodes_become_a_dataset(dataset, tmp_path):
    main(DatasetSplit(dataset=dataset, out=tmp_path / "two", episodes="0,2"))
    assert len(EpisodeStore(tmp_path / "two").numbers()) == 2


def test_parts_that_would_be_empty_are_refused(dataset, tmp_path):
    with pytest.raises(RefusedError, match="would be empty"):
        main(DatasetSplit(dataset=dataset, out=tmp_path / "p", parts="a=0.99,b=0.01"))
    assert not (tmp_path / "p").exists()


def test_numbers_and_parts_are_read():
    assert parse_numbers("3,0-2, 7") == [0, 1, 2, 3, 7]
    assert parse_parts("train=0.8, test=.2") == {"train": 0.8, "test": 0.2}


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1-", "0-99999999"])
def test_numbers_that_make_no_sense_are_refused(text):
    with pytest.raises(RefusedError):
        parse_numbers(text)


@pytest.mark.parametrize("text", ["", "a", "a=x", "a=0.5,a=0.5", "../x=1"])
def test_parts_that_make_no_sense_are_refused(text):
    with pytest.raises(RefusedError):
        parse_parts(text)


def test_failures_and_discarded_episodes_stay_out_of_an_export(dataset, tmp_path):
    store = EpisodeStore(dataset)
    store.annotate(0, outcome=Outcome.FAILURE)
    store.annotate(1, discarded=True)
    entries = list(store.entries())
    recovered = replace(entries[2], manifest=replace(entries[2].manifest, recovered=True))

    def kept(found, **changes):
        options = DatasetExport(dataset=dataset, out=tmp_path / "o", **changes)
        return [entry.number for entry in chosen_entries(found, options)]

    assert kept(entries) == [2]
    assert kept([*entries[:2], recovered]) == []
    assert kept(entries, all=True) == [0, 2]
    assert kept(entries, outcomes=("failure,unknown",)) == [0]
    with pytest.raises(UnknownNameError, match="Did you mean 'success'"):
        kept(entries, outcomes=("sucess",))


def test_a_trim_moves_the_beginning_and_the_subtasks(dataset):
    from robot_skills.data.reader import read_recorded

    store = EpisodeStore(dataset)
    episode = read_recorded(store.entry(0), store)
    part = trimmed(episode, (0.2, 0.8))
    assert part.start_s == pytest.approx(episode.start_s + 0.2)
    assert part.duration_s == pytest.approx(0.6)
    assert [one.words for one in part.subtasks] == ["reach", "lift"]
    times_s = [(one.start_s, one.end_s) for one in part.subtasks]
    np.testing.assert_allclose(times_s, [(0.0, 0.3), (0.3, 0.6)], atol=1e-9)
    with pytest.raises(DatasetError, match="leaves nothing"):
        trimmed(episode, (5.0, 6.0))


def test_what_is_exported_and_imported_again_has_the_same_numbers(dataset, tmp_path, capsys):
    from robot_skills.data.lerobot import align
    from robot_skills.data.reader import read_recorded

    store = EpisodeStore(dataset)
    store.annotate(0, outcome=Outcome.UNKNOWN, task="raise it", trim_s=(0.1, 0.9))
    exported = main(DatasetExport(dataset=dataset, out=tmp_path / "lerobot", no_depth=True))
    assert exported.payload["episodes"] == [0, 1, 2]
    assert exported.payload["fps"] == 20
    assert "equal bit for bit" in capsys.readouterr().out
    imported = main(DatasetImport(source=tmp_path / "lerobot", out=tmp_path / "back"))
    assert imported.payload["episodes"] == 3
    back = EpisodeStore(tmp_path / "back")
    for number in back.numbers():
        was = store.entry(number)
        rows = align(trimmed(read_recorded(was, store), was.annotation.trim_s), 20)
        now = read_recorded(back.entry(number), back)
        assert now.task == was.task
        assert len(now.cameras["front"].stamp_s) == len(rows)
        for name in ("observation.state", "action", "observation.extra"):
            np.testing.assert_array_equal(now.numbers[name].values, rows.columns[name].values)
    assert main(DatasetVerify(dataset=tmp_path / "back")).exit_code == 0
    again = main(DatasetImport(source=tmp_path / "lerobot", out=tmp_path / "back"))
    assert (again.payload["episodes"], again.payload["before"]) == (0, 3)


def test_an_export_never_writes_over_anything(dataset, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        main(DatasetExport(dataset=dataset, out=tmp_path / "there"))


def test_names_of_cameras_are_checked(dataset, tmp_path):
    with pytest.raises(UnknownNameError, match="Available: front"):
        main(DatasetExport(dataset=dataset, out=tmp_path / "o", cameras=("frnt",)))
