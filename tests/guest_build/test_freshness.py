# SPDX-License-Identifier: GPL-2.0-or-later
"""An output is made again when, and only when, something that it was made from has changed."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from full_disk import room_for
from paradrive_tools.guest_build.freshness import refresh


class Workshop:
    """An output made from one input, and how often it was made."""

    def __init__(self, directory: Path) -> None:
        self.input = directory / "input"
        self.output = directory / "results" / "output"
        self.made = 0
        self.input.write_text("first")

    def refresh(self, recipe: Sequence[str] = ()) -> None:
        refresh(self.output, [self.input], self.make, recipe=recipe)

    def make(self) -> None:
        self.made += 1
        self.output.write_text(self.input.read_text())


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_fresh_output_is_not_made_again(workshop: Workshop) -> None:
    workshop.refresh()
    workshop.refresh()
    assert workshop.made == 1


def test_a_changed_input_makes_the_output_stale(workshop: Workshop) -> None:
    workshop.refresh()
    workshop.input.write_text("second")
    workshop.refresh()
    assert workshop.output.read_text() == "second"


@pytest.mark.parametrize("size", [5, 2 << 20])
def test_an_edit_that_keeps_size_and_time_makes_the_output_stale(workshop: Workshop, size: int) -> None:
    workshop.input.write_text("1" * size)
    before = workshop.input.stat()
    workshop.refresh()
    workshop.input.write_text("2" * size)
    os.utime(workshop.input, ns=(before.st_atime_ns, before.st_mtime_ns))
    workshop.refresh()
    assert workshop.output.read_text() == "2" * size


def test_an_input_that_is_written_again_as_it_was_leaves_the_output_fresh(workshop: Workshop) -> None:
    workshop.refresh()
    os.utime(workshop.input, (0, 0))
    workshop.refresh()
    assert workshop.made == 1


def test_another_recipe_makes_the_output_stale(workshop: Workshop) -> None:
    for recipe in (["cc", "-O1"], ["cc", "-O2"], ["cc", "-O2"]):
        workshop.refresh(recipe)
    assert workshop.made == 2


def test_an_input_that_comes_or_goes_makes_the_output_stale(workshop: Workshop) -> None:
    header = workshop.input.with_name("header")
    for present in (False, True, False):
        if present:
            header.write_text("")
        else:
            header.unlink(missing_ok=True)
        refresh(workshop.output, [workshop.input, header], workshop.make)
    assert workshop.made == 3


def test_an_equal_input_of_another_place_makes_the_output_stale(workshop: Workshop, tmp_path: Path) -> None:
    workshop.refresh()
    other = tmp_path / "elsewhere" / workshop.input.name
    other.parent.mkdir()
    other.write_bytes(workshop.input.read_bytes())
    refresh(workshop.output, [other], workshop.make)
    assert workshop.made == 2


def test_a_lost_output_is_made_again(workshop: Workshop) -> None:
    workshop.refresh()
    workshop.output.unlink()
    workshop.refresh()
    assert workshop.output.exists()


def test_an_input_that_changes_meanwhile_leaves_the_output_stale(workshop: Workshop) -> None:
    def make() -> None:
        workshop.make()
        workshop.input.write_text("changed meanwhile")

    refresh(workshop.output, [workshop.input], make)
    workshop.refresh()
    assert workshop.output.read_text() == "changed meanwhile"


def test_an_output_that_could_not_be_made_is_stale(workshop: Workshop) -> None:
    def fail() -> None:
        workshop.output.write_text("half!")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        refresh(workshop.output, [workshop.input], fail)
    workshop.refresh()
    assert workshop.output.read_text() == "first"


@pytest.mark.parametrize("afterwards", ["first", "second"])
def test_an_interrupted_remake_leaves_the_output_stale_whatever_the_input_is_afterwards(
    workshop: Workshop, afterwards: str
) -> None:
    def fail() -> None:
        workshop.output.write_text("secon")
        raise KeyboardInterrupt

    workshop.refresh()
    workshop.input.write_text("second")
    with pytest.raises(KeyboardInterrupt):
        refresh(workshop.output, [workshop.input], fail)
    workshop.input.write_text(afterwards)
    workshop.refresh()
    assert workshop.output.read_text() == afterwards


def test_an_output_that_has_been_cut_off_since_is_made_again(workshop: Workshop) -> None:
    workshop.refresh()
    os.truncate(workshop.output, 1)
    workshop.refresh()
    assert workshop.output.read_text() == "first"


@pytest.mark.parametrize("space", [0, 1, 40])
def test_a_record_that_does_not_fit_on_the_disk_leaves_the_output_stale(
    workshop: Workshop, space: int
) -> None:
    with room_for(space), pytest.raises(OSError, match="File too large"):
        refresh(workshop.output, [workshop.input], lambda: workshop.output.touch())
    workshop.refresh()
    assert workshop.output.read_text() == "first"


def test_an_unreadable_record_makes_the_output_stale(workshop: Workshop) -> None:
    workshop.refresh()
    (record,) = workshop.output.parent.glob(".*")
    record.write_text("{")
    workshop.refresh()
    assert workshop.made == 2
