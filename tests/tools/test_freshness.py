# SPDX-License-Identifier: GPL-2.0-or-later
"""An output is made again when, and only when, something that it was made from has changed."""

from pathlib import Path

import pytest

from paradrive_tools.guest_build.freshness import refresh


class Workshop:
    """An output made from one input, and how often it was made."""

    def __init__(self, directory: Path) -> None:
        self.input = directory / "input"
        self.output = directory / "results" / "output"
        self.made = 0
        self.input.write_text("first")

    def refresh(self) -> None:
        refresh(self.output, [self.input], self.make)

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
        workshop.output.write_text("half")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        refresh(workshop.output, [workshop.input], fail)
    workshop.refresh()
    assert workshop.output.read_text() == "first"


def test_an_unreadable_record_makes_the_output_stale(workshop: Workshop) -> None:
    workshop.refresh()
    (record,) = workshop.output.parent.glob(".*")
    record.write_text("{")
    workshop.refresh()
    assert workshop.made == 2
