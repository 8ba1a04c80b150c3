# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled code that returns pages of RAM to the contents they have in a copy."""

from __future__ import annotations

from llvmlite import ir

from paradrive.cpu.compiled.values import I1, I16, I32, I64, POINTER, at_offset, i32, i64
from paradrive.cpu.ports import PAGE_SIZE

#: What is compared, and copied where it differs, at a time: two cache lines.
_BLOCK = ir.VectorType(I64, 16)
_BLOCK_SIZE = 128
#: So much of the next page is fetched meanwhile: pages lie far apart, and not in the host's nearest caches.
_AHEAD = PAGE_SIZE // 2
_CACHE_LINE = 64


def emit_restore_pages(module: ir.Module) -> None:
    """Write ``i64 restore_pages(ptr ram, ptr copy, i64 first, i64 size, ptr numbers, i64 count)``.

    ``ram`` and ``copy`` are ``size`` pages, from number ``first`` on. ``numbers`` are numbers of pages, 64
    bits each; those of other pages are passed over. Afterwards those of pages that were equal come first;
    the result is how many they are. What is equal is not written: that is faster.
    """
    types = [POINTER, POINTER, I64, I64, POINTER, I64]
    function = ir.Function(module, ir.FunctionType(I64, types), "restore_pages")
    ram, copy, first, size, numbers, count = function.args
    entry, pages, page, here, following, done = (
        function.append_basic_block(name) for name in ("entry", "pages", "page", "here", "following", "done")
    )
    builder = ir.IRBuilder(entry)
    builder.branch(pages)
    builder.position_at_end(pages)
    index, unchanged = builder.phi(I64), builder.phi(I64)
    builder.cbranch(builder.icmp_unsigned("<", index, count), page, done)
    builder.position_at_end(page)
    number = builder.load(at_offset(builder, numbers, builder.mul(index, i64(8))), typ=I64)
    place = builder.sub(number, first)
    builder.cbranch(builder.icmp_unsigned("<", place, size), here, following)
    builder.position_at_end(here)
    _emit_prefetch(builder, numbers, index, count, first, (ram, copy))
    offset = builder.mul(place, i64(PAGE_SIZE))
    differs = _emit_page(builder, at_offset(builder, ram, offset), at_offset(builder, copy, offset))
    builder.store(number, at_offset(builder, numbers, builder.mul(unchanged, i64(8))))
    more_unchanged = builder.add(unchanged, builder.zext(builder.not_(differs), I64))
    compared = builder.block
    builder.branch(following)
    builder.position_at_end(following)
    found = builder.phi(I64)
    found.add_incoming(unchanged, page)
    found.add_incoming(more_unchanged, compared)
    for counter, result in ((index, builder.add(index, i64(1))), (unchanged, found)):
        counter.add_incoming(i64(0), entry)
        counter.add_incoming(result, following)
    builder.branch(pages)
    builder.position_at_end(done)
    builder.ret(unchanged)


def _emit_prefetch(
    builder: ir.IRBuilder,
    numbers: ir.Value,
    index: ir.Value,
    count: ir.Value,
    first: ir.Value,
    memories: tuple[ir.Value, ir.Value],
) -> None:
    """Have the host fetch the page after that of ``index``; outside of RAM that does nothing."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32])
    prefetch = ir.Function(builder.module, kind, "llvm.prefetch.p0")
    to_read, to_keep, data = i32(0), i32(3), i32(1)
    following = builder.add(index, i64(1))
    following = builder.select(builder.icmp_unsigned("<", following, count), following, index)
    number = builder.load(at_offset(builder, numbers, builder.mul(following, i64(8))), typ=I64)
    offset = builder.mul(builder.sub(number, first), i64(PAGE_SIZE))
    for line in range(0, _AHEAD, _CACHE_LINE):
        for memory in memories:
            place = at_offset(builder, memory, builder.add(offset, i64(line)))
            builder.call(prefetch, [place, to_read, to_keep, data])


def _emit_page(builder: ir.IRBuilder, ram: ir.Value, copy: ir.Value) -> ir.Value:
    """Make one page equal to its copy; return whether it was not."""
    function, before = builder.function, builder.block
    blocks, write, following, end = (
        function.append_basic_block(name) for name in ("blocks", "write", "following", "end")
    )
    builder.branch(blocks)
    builder.position_at_end(blocks)
    offset, differed = builder.phi(I64), builder.phi(I1)
    place = at_offset(builder, ram, offset)
    wanted = builder.load(at_offset(builder, copy, offset), typ=_BLOCK, align=_BLOCK_SIZE)
    present = builder.load(place, typ=_BLOCK, align=_BLOCK_SIZE)
    mask = builder.bitcast(builder.icmp_unsigned("!=", wanted, present), I16)
    differs = builder.icmp_unsigned("!=", mask, ir.Constant(I16, 0))
    builder.cbranch(differs, write, following)
    builder.position_at_end(write)
    builder.store(wanted, place, align=_BLOCK_SIZE)
    builder.branch(following)
    builder.position_at_end(following)
    result, next_offset = builder.or_(differed, differs), builder.add(offset, i64(_BLOCK_SIZE))
    for value, first, following_value in ((offset, i64(0), next_offset), (differed, I1(0), result)):
        value.add_incoming(first, before)
        value.add_incoming(following_value, following)
    builder.cbranch(builder.icmp_unsigned("<", next_offset, i64(PAGE_SIZE)), blocks, end)
    builder.position_at_end(end)
    return result
