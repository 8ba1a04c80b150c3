# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled engine: the declarations run on LLVM values, which writes a threaded interpreter.

`values.py`, `emitter.py`, `memory.py` and `context.py` are the counterpart of `reference.py`;
`layout.py` says how decoded code lies in memory; `decoder.py` decodes in compiled code; `program.py`
puts the module together; `build.py` compiles and caches it; `engine.py` runs it and serves its exits.
"""
