# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that never rests: all timers, TLB misses, processes, code that it writes, interrupts of devices."""

from __future__ import annotations

MEMORY_SIZE = 1 << 20

#: Each turn it changes its process, writes to pages that miss and to one that it then executes, prints,
#: looks at the other UART in loop-back mode, and sends itself an interprocessor interrupt. r24 to r27 count
#: interrupts: of timers, of the watchdog, of the interrupt controller, and misses.
BUSY = """
    .set mpic, 0xe0040000
    .set source42, mpic + 0x10540
    .set own, mpic + 0x20000
    .set uart1, 0xe0004600
    .macro vector number, handler
    li 3, \\handler@l ; mtspr 400 + \\number, 3
    .endm
    lis 3, timers@h ; mtspr 63, 3
    vector 4, external ; vector 10, timers ; vector 11, timers ; vector 12, watchdog
    vector 13, data_miss ; vector 14, fetch_miss
    li 3, 0x100 ; mtspr 628, 3
    store32 own + 0x80, 0
    store32 source42, 0x00060042
    store32 mpic + 0x10a0, 0x00080050
    store32 mpic + 0x1120, 0x000a0090
    store32 mpic + 0x1110, 30
    lis 4, uart@ha ; li 5, 2 ; stb 5, uart + 1@l(4) ; li 5, 0x41 ; stb 5, uart + 2@l(4)
    li 5, 0x0b ; stb 5, uart + 4@l(4)
    lis 4, uart1@ha ; li 5, 0x1b ; stb 5, uart1 + 4@l(4) ; li 5, 1 ; stb 5, uart1 + 2@l(4)
    store32 pvctl + 0x0c, 0x1f
    store32 pvctl + 0x20, 7
    li 3, 350 ; mtspr 22, 3 ; li 3, 170 ; mtspr 54, 3
    lis 3, 0xccdb ; ori 3, 3, 0xc000 ; mtspr 340, 3
    lis 3, 2 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync
    lis 14, 0x4000 ; li 15, 0
turn:
    addi 15, 15, 1
    rlwinm 3, 15, 0, 30, 31 ; mtspr 48, 3 ; isync
    mulli 6, 15, 0x3000 ; rlwinm 6, 6, 0, 12, 19 ; add 6, 6, 14
    stw 15, 0x20(6) ; lwz 7, 0x20(6)
    lwarx 8, 0, 6 ; add 8, 8, 15 ; stwcx. 8, 0, 6
    addi 9, 14, 0x5000 ; lis 10, 0x398c ; rlwimi 10, 15, 0, 20, 31
    lis 11, 0x4e80 ; ori 11, 11, 0x20
    stw 10, 0(9) ; stw 11, 4(9) ; icbi 0, 9 ; isync
    mtctr 9 ; bctrl
    lis 4, uart@ha ; rlwinm 5, 15, 0, 27, 31 ; addi 5, 5, 10 ; stb 5, uart@l(4) ; stb 15, uart + 7@l(4)
    lis 4, uart1@ha ; stb 15, uart1@l(4) ; andi. 3, 15, 2 ; beq full ; lbz 16, uart1@l(4)
full:
    lis 4, (own + 0x40)@ha ; li 5, 1 ; stw 5, (own + 0x40)@l(4)
    lis 4, pvctl@ha ; stw 15, pvctl + 0x14@l(4) ; lwz 17, pvctl + 0x1c@l(4)
    addo. 18, 18, 12 ; subfc 19, 18, 15 ; mtcrf 0x0f, 19
    mfspr 3, 22 ; stw 3, 0x3000(0)
    b turn
    .balign 0x10000
timers:
    lis 20, 0x0c00 ; mtspr 336, 20 ; addi 24, 24, 1 ; rfi
    .balign 16
watchdog:
    lis 22, 0xc000 ; mtspr 336, 22 ; addi 25, 25, 1 ; rfci
    .balign 16
external:
    lis 20, (own + 0xa0)@ha ; lwz 21, (own + 0xa0)@l(20) ; add 26, 26, 21
    lis 20, uart@ha ; lbz 21, uart + 2@l(20)
    lis 20, (own + 0xb0)@ha ; stw 20, (own + 0xb0)@l(20) ; rfi
    .balign 16
data_miss:
    mfspr 20, 61 ; b miss
    .balign 16
fetch_miss:
    mfspr 20, 26
miss:
    rlwinm 20, 20, 0, 15, 19 ; oris 20, 20, 8 ; ori 20, 20, 0x3f ; mtspr 627, 20
    tlbwe ; isync ; addi 27, 27, 1 ; rfi
"""
