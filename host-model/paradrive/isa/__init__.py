# SPDX-License-Identifier: GPL-2.0-or-later
"""The instruction set: what an instruction of an e500 core *is*, written once.

Each declaration gives mnemonic, encoding and meaning; the decoder, the disassembler and both engines
are derived from it. Start with `arithmetic.py` to see what a declaration looks like, with
`instruction.py` for what becomes of it, and with `semantics.py` for the words its meaning is told in.
"""
