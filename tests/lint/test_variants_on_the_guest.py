# SPDX-License-Identifier: GPL-2.0-or-later
"""The variants of the trees: what they say, and what the linter predicts, is what the kernel does."""

from __future__ import annotations

import pytest

from paradrive_dev.agreement.comparison import compare
from paradrive_dev.agreement.variants import VARIANTS, Variant, variants
from paradrive_tools.lint.linux.outcome import BOUND, probe_fails

ALL = variants()


@pytest.mark.parametrize("variant", ALL, ids=lambda variant: str(variant.path.relative_to(VARIANTS)))
def test_the_kernel_does_what_the_variant_says_and_the_linter_predicts(variant: Variant) -> None:
    comparison = compare(variant.blob(), variant.cpu, variant.machine)
    assert comparison.disagreements == []
    observation = comparison.observation
    assert (observation.failure is None) == variant.boots, observation.failure
    assert {path: observation.outcome(path) for path in variant.outcomes} == variant.outcomes
    # A device that the driver has seen, and of which the variant says nothing, would go unnoticed.
    probed = {path for path, outcome in observation.devices.items() if outcome.startswith(probe_fails(""))}
    bound = {path for path, outcome in observation.devices.items() if outcome == BOUND}
    assert probed | bound <= variant.outcomes.keys()


def test_bad_variants_name_rules_and_good_ones_none() -> None:
    assert [variant.path.name for variant in ALL if bool(variant.rules) == variant.is_good] == []
