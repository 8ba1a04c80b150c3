# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules and the variants of the trees: each bad one is caught as it says, and no good one is."""

from __future__ import annotations

import pytest

from paradrive_dev.agreement.variants import VARIANTS, Variant, variants
from paradrive_tools.lint.judgement import all_rules
from paradrive_tools.lint.session import Companions, report_on
from paradrive_tools.lint.source.reading import read_tree

ALL = variants()
#: Rules about what goes with a tree, which no tree alone can break.
_OF_COMPANIONS = ("module-", "configuration-", "other-driver-first")


@pytest.mark.parametrize("variant", ALL, ids=lambda variant: str(variant.path.relative_to(VARIANTS)))
def test_good_variants_have_no_finding_and_bad_ones_those_they_name(variant: Variant) -> None:
    report = report_on(read_tree(str(variant.path)), Companions())
    found = {finding.rule for finding in report.findings}
    assert variant.rules <= found
    if variant.is_good:
        assert not found


def test_each_rule_has_a_bad_variant_that_names_it() -> None:
    named = {rule for variant in ALL for rule in variant.rules}
    own = {rule for rule in all_rules() if not rule.startswith(_OF_COMPANIONS)}
    assert own - named == set()
