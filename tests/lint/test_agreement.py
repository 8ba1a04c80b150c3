# SPDX-License-Identifier: GPL-2.0-or-later
"""What the linter predicts is what the kernel does, with trees that nobody has written, too."""

from __future__ import annotations

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive_dev.agreement.comparison import Comparison, Disagreement, subject_of
from paradrive_dev.agreement.reality import Observation
from paradrive_dev.agreement.search import DisagreementError, search
from paradrive_dev.agreement.variants import good_blobs
from paradrive_tools.guest_build.trees import ensure_tree

#: Fixed, so that a failure comes again; make fuzz-dt draws others.
SEEDS = range(10)
TREES_PER_SEED = 20
PVCTL = "/platform@f00000000/pvctl@0"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kernel_does_with_generated_trees_what_is_predicted(seed: int) -> None:
    tally = search(good_blobs(), TREES_PER_SEED, seed)
    assert (tally.trees, tally.disagreed) == (TREES_PER_SEED, 0)


def test_a_disagreement_is_shrunk_to_the_one_change_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(blob: bytes) -> Comparison:
        """Take a pvctl without interrupts for one with which the kernel surprises."""
        node = DeviceTree(blob).find(PVCTL)
        surprise = node is not None and "interrupts" not in node.properties
        found = [Disagreement(PVCTL, "bound", "not populated")] if surprise else []
        return Comparison(subject_of(blob), Observation({}, None, ""), found)

    monkeypatch.setattr("paradrive_dev.agreement.search.compare", mistaken)
    good = ensure_tree("ppce500").read_bytes()
    with pytest.raises(DisagreementError, match=r"bound.*not populated") as raised:
        search([good], 500, 0)
    smallest, original = DeviceTree(raised.value.blob), DeviceTree(good)
    original_node = original.find(PVCTL)
    assert original_node is not None
    del original_node.properties["interrupts"]
    assert smallest.to_fdt() == original.to_fdt()
