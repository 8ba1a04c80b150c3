# SPDX-License-Identifier: GPL-2.0-or-later
"""Executing ``paradrive lint``: from files to reports."""

from __future__ import annotations

import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine.board import BOARDS, board_named
from paradrive.machine.machine import cpu_named
from paradrive_tools import exit_status
from paradrive_tools.lint.finding import Finding, Location, Severity
from paradrive_tools.lint.judgement import in_order, lint
from paradrive_tools.lint.output.formats import FORMATS
from paradrive_tools.lint.output.pages import all_pages, page_of
from paradrive_tools.lint.output.report import Expectation, Report
from paradrive_tools.lint.source.limits import check_size
from paradrive_tools.lint.source.reading import Source, read_tree
from paradrive_tools.lint.subject import Subject
from paradrive_tools.lint.terms import EXIT_FINDINGS
from paradrive_tools.options import DEFAULT_MACHINE, device_models

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from paradrive.machine.board import Board
    from paradrive.machine.device_models import Model
    from paradrive_tools.lint.driver.kernel import Kernel
    from paradrive_tools.lint.driver.module import Module
    from paradrive_tools.lint.kconfig.configuration import Configuration


#: How many trees are read before the one that is linted has been; each can be large.
_TREES_AHEAD = 2


class Companions(NamedTuple):
    """What the trees are linted together with; ``board`` is None where each tree tells its own."""

    board: Board | None = None
    module: Module | None = None
    kernel: Kernel | None = None
    configuration: Configuration | None = None
    models: Mapping[str, Model] = MappingProxyType({})


def execute(options: argparse.Namespace) -> int:
    """Do what the command line asks for and return the exit status."""
    if options.list_rules:
        for page in all_pages():
            print(f"{page.identifier:32} {page.summary}")
        return 0
    if options.explain is not None:
        print(page_of(options.explain).text)
        return 0
    if not options.trees:
        raise InputError("lint", "no tree given")
    companions = _companions(options)
    reports = []
    status = 0
    for source in _read_ahead(options.trees, options.include):
        try:
            reports.append(report_on(source.result(), companions))
        except InputError as error:
            print(f"paradrive: error: {error}", file=sys.stderr)
            status = exit_status.BAD_INPUT
    print(FORMATS[options.format]([report.shown() for report in reports]), end="")
    if status == 0 and any(report.findings for report in reports):
        status = EXIT_FINDINGS
    return status


def _read_ahead(names: Sequence[str], include: Sequence[str]) -> Iterator[Future[Source]]:
    """Yield the trees, each while the next one is read: dtc is then at work while dtschema judges."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        begun: deque[Future[Source]] = deque()
        for name in names:
            begun.append(pool.submit(read_tree, name, include))
            if len(begun) > _TREES_AHEAD:
                yield begun.popleft()
        yield from begun


def _companions(options: argparse.Namespace) -> Companions:
    board = board_named(options.machine) if options.machine is not None else None
    cpu_named(options.cpu)
    models = device_models(options)
    if options.module is None and options.config is None:
        return Companions(board, models=models)
    from paradrive_tools.guest_build import BuildError
    from paradrive_tools.guest_build.kernel import ensure_kernel
    from paradrive_tools.lint.driver.kernel import Kernel
    from paradrive_tools.lint.driver.module import Module
    from paradrive_tools.lint.kconfig.configuration import read_configuration

    module = Module(options.module) if options.module is not None else None
    try:
        directory = ensure_kernel(options.cpu)
        configuration = read_configuration(options.config, directory) if options.config is not None else None
    except BuildError as error:
        raise InputError("kernel", str(error)) from None
    return Companions(board, module, Kernel(directory), configuration, models)


def report_on(source: Source, companions: Companions) -> Report:
    """Lint one tree, for the board that it is compatible with unless one is given.

    Raises InputError when it is no tree.
    """
    try:
        tree = DeviceTree(source.blob, source.name)
        check_size(tree)
    except DeviceTreeError as error:
        if not source.findings:
            raise
        # dtc has complained, but has been forced to write what no machine can load.
        refusal = Finding("unloadable", Severity.ERROR, error.reason, Location(source.name))
        return Report(source.name, tuple(in_order([*source.findings, refusal])))
    subject = Subject(
        source.name,
        source.blob,
        tree,
        companions.board or _board_of(tree),
        source_map=source.source_map,
        compiler_findings=source.findings,
        module=companions.module,
        kernel=companions.kernel,
        configuration=companions.configuration,
        models=companions.models,
    )
    findings = tuple(lint(subject))
    prediction = subject.prediction
    paravirtual = {node.path for node in subject.pvctl_nodes}
    expectations = (
        Expectation(
            path,
            probe.outcome,
            probe.reason,
            subject.source_map.locate(path),
            is_paravirtual=path in paravirtual,
        )
        for path, probe in sorted(prediction.nodes.items())
    )
    return Report(source.name, findings, tuple(expectations), prediction.failure)


def _board_of(tree: DeviceTree) -> Board:
    """Return the board that the tree's root is compatible with, the default one where it is with none."""
    compatible = tree.root.properties.get("compatible", b"").decode("latin-1").split("\0")
    matching = (board for board in BOARDS.values() if board.root_compatible in compatible)
    return next(matching, BOARDS[DEFAULT_MACHINE])
