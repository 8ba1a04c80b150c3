# SPDX-License-Identifier: GPL-2.0-or-later
"""The notation of encodings, and that no word has two meanings."""

from __future__ import annotations

from itertools import combinations

import pytest

from paradrive.isa.decoder import decode, instructions_of
from paradrive.isa.disassembler import disassemble
from paradrive.isa.encoding import Encoding, Field
from paradrive.isa.instruction import ALL_CORES
from paradrive.isa.spr import SPRS


def test_literal_bits_make_mask_and_match() -> None:
    encoding = Encoding.parse("011111 rT:5 rA:5 rB:5 0000011100 Rc:1")
    assert (encoding.mask, encoding.match) == (0xFC0007FE, 0x7C000038)
    assert encoding.primary_opcode == 31


def test_reserved_bits_matter_only_to_cores_that_refuse_them() -> None:
    encoding = Encoding.parse("010001 ////////// ////////// //-- 1 /")
    assert (encoding.mask, encoding.match) == (0xFC000002, 0x44000002)
    assert encoding.reserved == 0x03FFFFF1
    assert encoding.refusing_reserved_bits().mask == 0xFFFFFFF3
    assert encoding.refusing_reserved_bits().match == encoding.match


@pytest.mark.parametrize(("core", "refuses"), [("e500v2", True), ("e500mc", False)])
def test_word_with_a_reserved_bit_set_is_none_on_the_e500v2(core: str, refuses: bool) -> None:
    seen = 0
    for instruction in instructions_of(core):
        for bit in (1 << number for number in range(32)):
            if instruction.encoding.reserved & bit:
                seen += 1
                word = instruction.encoding.match | bit
                assert decode(word, core) is (None if refuses else instruction), f"{word:#010x}"
                assert disassemble(word, core).startswith(".long") == refuses
    assert seen > 100


def test_fields_lie_where_the_manual_draws_them() -> None:
    fields = Encoding.parse("010101 rS:5 rA:5 SH:5 MB:5 ME:5 Rc:1").fields
    assert fields["rS"] == Field("rS", 21, 5)
    # rlwinm. r3,r4,5,6,7
    word = 0x548329 << 8 | 0x8F
    assert {name: field.extract(word) for name, field in fields.items()} == {
        "rS": 4, "rA": 3, "SH": 5, "MB": 6, "ME": 7, "Rc": 1,
    }  # fmt: skip


def test_halves_of_spr_numbers_are_swapped() -> None:
    field = Encoding.parse("011111 rT:5 SPR:10 0101010011 /").fields["SPR"]
    assert field.extract(0x7C6042A6 | 0x1A << 16) == 282  # 0b01000_11010 stands as 11010 01000
    assert field.insert(282) == 0b11010_01000 << 11


@pytest.mark.parametrize("value", [0, 1, 0x155, 0x3FF])
@pytest.mark.parametrize("name", ["SPR", "TBR", "UI"])
def test_insert_is_the_inverse_of_extract(name: str, value: int) -> None:
    field = Field(name, 11, 10)
    assert field.extract(field.insert(value)) == value


def test_insert_cuts_what_does_not_fit() -> None:
    assert Field("SI", 0, 16).insert(-1) == 0xFFFF


@pytest.mark.parametrize("pattern", ["", "011111", "011111 rT:5 rA:5 rB:5 0000011100", "0" * 33, "x" * 32])
def test_pattern_that_is_not_32_bits_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        Encoding.parse(pattern)


@pytest.mark.parametrize("core", sorted(ALL_CORES))
def test_no_word_encodes_two_instructions(core: str) -> None:
    for one, other in combinations(instructions_of(core), 2):
        common = one.encoding.mask & other.encoding.mask
        assert (one.encoding.match ^ other.encoding.match) & common, f"{one.syntax} and {other.syntax}"


@pytest.mark.parametrize("core", sorted(ALL_CORES))
def test_every_instruction_decodes_to_itself_whatever_its_fields_are(core: str) -> None:
    for instruction in instructions_of(core):
        encoding = instruction.encoding
        for fill in (0, 0xFFFFFFFF, 0x55555555, 0xAAAAAAAA):
            assert decode(encoding.match | fill & ~encoding.mask, core) is instruction


@pytest.mark.parametrize("core", sorted(ALL_CORES))
def test_every_field_named_in_the_syntax_exists(core: str) -> None:
    for instruction in instructions_of(core):
        operands = instruction.syntax.partition(" ")[2].replace("(", ",").replace(")", "").split(",")
        assert set(filter(None, operands)) <= set(instruction.encoding.fields), instruction.syntax
        assert set(instruction.specialise) <= set(instruction.encoding.fields), instruction.syntax


def test_instructions_of_the_other_core_are_none_of_this_one() -> None:
    rfdi = 0x4C00004E
    assert decode(rfdi, "e500v2") is None
    assert decode(rfdi, "e500mc") is not None


def test_every_instruction_has_a_description() -> None:
    for core in ALL_CORES:
        assert [i.syntax for i in instructions_of(core) if not i.description] == []


def test_register_aliases_lead_to_registers() -> None:
    for register in SPRS.values():
        assert SPRS[register.place].alias_of is None
        assert SPRS[register.place].cores >= register.cores
