# SPDX-License-Identifier: GPL-2.0-or-later
"""What a source may include: regular files from the directories that are given for it, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

from paradrive.host.inputs import InputError
from paradrive_tools.lint.source import inclusion
from paradrive_tools.lint.source.reading import Source, read_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "squeamish"
HEAD = "/dts-v1/;\n"


class Place(NamedTuple):
    """A directory of sources, and beside it one with a file that none of them may include."""

    sources: Path
    elsewhere: Path

    def tree(self, text: str, name: str = "tree.dts") -> str:
        (self.sources / name).write_text(text)
        return str(self.sources / name)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "sources", tmp_path / "elsewhere")
    made.sources.mkdir()
    made.elsewhere.mkdir()
    for name in ("secret", "secret.dtsi"):
        (made.elsewhere / name).write_text(f"/ {{ {SECRET}; }};\n")
    (made.sources / "below").mkdir()
    (made.sources / "link").symlink_to(made.elsewhere / "secret")
    (made.sources / "linked").symlink_to(made.elsewhere)
    return made


def properties(source: Source) -> bytes:
    """Return the blob, in which the names of properties are."""
    return source.blob


# {0} is the name of a file.
OUTSIDE = {
    "/include/": '/include/ "{0}"\n',
    "/include/ next to a comment": '/* "*/ /include/\n"{0}" /* */\n',
    "/include/ behind a string": '/ { a = "\\"", \'"\'; };\n/include/ "{0}"\n',
    "/incbin/": '/ {{ a = /incbin/("{0}"); }};\n',
    "/incbin/ in pieces": '/ {{ a = /incbin/ /* */ ( // x\n"{0}", 0, 4); }};\n',
    "#include": '#include "{0}"\n',
    "#include <>": "#include <{0}>\n",
    "#import": '#import "{0}"\n',
    "#include_next": '#include_next "{0}"\n',
    "#include in comments": '/* " */ # /* \n */ include /* " */ "{0}" // x\n',
    "#include on two lines": '#inc\\ \nlude "{0}"\n',
    "#include by a macro": '#define FILE "{0}"\n#include FILE\n',
    "/include/ by a macro": '#define GET(file) /include/ file\nGET("{0}")\n',
    "/incbin/ by a macro": '#define GET(file) /incbin/(file)\n/ {{ a = GET("{0}"); }};\n',
    "#pragma": '#pragma GCC dependency "{0}"\n#error not read\n',
    "_Pragma": '#define P _Pragma("GCC dependency \\"{0}\\"")\n#if 1\nP\n#endif\n',
    "__has_include": '#if __has_include("{0}")\n/ {{ }};\n#endif\n',
    "__has_include pasted": '#define C(a, b) a ## b\n#if C(__has_, include)("{0}")\n/ {{ }};\n#endif\n',
}
TARGETS = ("{elsewhere}/secret", "fifo")
MORE_TARGETS = ("../elsewhere/secret", "link", "linked/secret", "{sources}/fifo", "below/../fifo", "below")
ATTEMPTS = [
    *((way, target) for way in OUTSIDE for target in TARGETS),
    *((way, target) for way in ("/include/", "/incbin/", "#include") for target in MORE_TARGETS),
]


@pytest.fixture
def was_read(place: Place) -> Callable[[], bool]:
    """Return what tells whether anybody has read the FIFO among the sources."""
    os.mkfifo(place.sources / "fifo")
    descriptor = os.open(place.sources / "fifo", os.O_RDWR | os.O_NONBLOCK)
    os.write(descriptor, f"/ {{ {SECRET}; }};\n".encode())

    def is_empty() -> bool:
        try:
            return not os.read(descriptor, 1)
        except BlockingIOError:
            return True

    return is_empty


@pytest.mark.parametrize(("way", "target"), ATTEMPTS)
def test_no_way_leads_to_a_file_that_may_not_be_included(
    place: Place, was_read: Callable[[], bool], way: str, target: str
) -> None:
    target = target.format(elsewhere=place.elsewhere, sources=place.sources)
    name = place.tree(HEAD + OUTSIDE[way].replace("{0}", target).replace("{{", "{").replace("}}", "}"))
    with pytest.raises(InputError) as refused:
        read_tree(name)
    assert refused.value.source.startswith(name)
    assert SECRET not in str(refused.value)
    assert not was_read()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd"])
def test_devices_and_files_of_the_system_are_refused(place: Place, device: str) -> None:
    for text in ('#include "{}"\n', '/include/ "{}"\n', '/ { a = /incbin/("{}"); };\n'):
        with pytest.raises(InputError, match=device):
            read_tree(place.tree(HEAD + text.replace("{}", device)))


def test_an_included_file_may_not_include_more_than_the_tree_itself(place: Place) -> None:
    place.tree(f'/include/ "{place.elsewhere}/secret"\n', "part.dtsi")
    for text in ('#include "part.dtsi"\n', '/include/ "part.dtsi"\n'):
        with pytest.raises(InputError, match="elsewhere/secret"):
            read_tree(place.tree(HEAD + text))


@pytest.mark.parametrize("text", ['#include "secret"\n', "#include <secret>\n", '/include/ "secret"\n'])
def test_directories_that_are_given_are_searched(place: Place, text: str) -> None:
    name = place.tree(HEAD + text)
    with pytest.raises(InputError, match="secret"):
        read_tree(name)
    assert SECRET.encode() in read_tree(name, [str(place.elsewhere)]).blob


@pytest.mark.parametrize("path", ["link", "{elsewhere}/secret", "../elsewhere/secret", "linked/secret"])
def test_a_path_may_lead_into_a_directory_that_is_given(place: Place, path: str) -> None:
    name = place.tree(f'{HEAD}/include/ "{path.format(elsewhere=place.elsewhere)}"\n')
    assert SECRET.encode() in read_tree(name, [str(place.elsewhere)]).blob


def test_files_below_the_directory_of_the_source_may_be_included(place: Place) -> None:
    (place.sources / "data").write_bytes(b"\x00data")
    place.tree('#include "b.h"\n/ { a = A; c = /incbin/("data", 1, 3); };\n', "below/a.dtsi")
    place.tree("#pragma once\n#define A <0x12345678>\n", "below/b.h")
    blob = read_tree(place.tree(f'{HEAD}#include "below/a.dtsi"\n#include <below/b.h>\n')).blob
    assert b"\x12\x34\x56\x78" in blob
    # What the preprocessor has put together is one source, that of the tree.
    assert b"dat" in blob


def test_include_next_takes_the_file_after_its_own(place: Place) -> None:
    place.tree("#include_next <order.h>\n#define FIRST 1\n", "order.h")
    (place.elsewhere / "order.h").write_text("#define SECOND 2\n")
    name = place.tree(f"#include <order.h>\n{HEAD}/ {{ a = <FIRST SECOND>; }};\n")
    assert b"\0\0\0\x01\0\0\0\x02" in read_tree(name, [str(place.elsewhere)]).blob


def test_what_is_left_out_by_a_condition_or_a_comment_may_name_anything(place: Place) -> None:
    text = f"""{HEAD}
    #if 0
    #include "/etc/passwd"
    #include MACRO
    #endif
    /* #include "/etc/passwd"
       /include/ "/etc/passwd" */
    // #include "/etc/passwd" /include/ "/etc/passwd"
    / {{ kept; }};
    """
    assert b"kept" in read_tree(place.tree(text)).blob


def test_a_file_that_includes_itself_is_one_line(place: Place) -> None:
    for text in ('#include "tree.dts"\n', '/include/ "tree.dts"\n'):
        with pytest.raises(InputError, match="nested"):
            read_tree(place.tree(HEAD + text))


def test_what_a_tree_includes_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inclusion, "MAX_INCLUDED_SIZE", 100)
    monkeypatch.setattr(inclusion, "MAX_INCLUDED_FILES", 2)
    place.tree("//" + "x" * 97 + "\n", "large.dtsi")
    place.tree("//" + "x" * 98 + "\n", "too-large.dtsi")
    for name in "abc":
        place.tree("", f"{name}.dtsi")
    read_tree(place.tree(f'{HEAD}/include/ "large.dtsi"\n/ {{ }};\n'))
    read_tree(place.tree(f'{HEAD}/include/ "a.dtsi"\n/include/ "b.dtsi"\n/ {{ }};\n'))
    with pytest.raises(InputError, match=r"too-large\.dtsi"):
        read_tree(place.tree(f'{HEAD}/include/ "too-large.dtsi"\n/ {{ }};\n'))
    with pytest.raises(InputError, match=r"c\.dtsi"):
        read_tree(place.tree("".join(f'/include/ "{name}.dtsi"\n' for name in "abc")))


@pytest.mark.parametrize(
    "text",
    [
        "#define A \\\n\t1\n",
        "/* a\n */ #define A 1\n",
        "#include <h.h> /* a\n */\n",
        "/* a\n */ #include <h.h>\n",
        "# /* a\n */ include /* \n */ <h.h>\n",
        "/* it */ // is\\\n not\n",
    ],
)
def test_places_are_those_of_the_source(place: Place, text: str) -> None:
    place.tree("", "h.h")
    before = f"{HEAD}#define B 1\n{text}"
    name = place.tree(before + "/ {\n\tdevice {\n\t};\n};\n")
    assert read_tree(name).source_map.locate("/device").line == before.count("\n") + 2


def test_lint_takes_the_directories_from_its_options(place: Place) -> None:
    from paradrive_tools.cli import main

    name = place.tree('/dts-v1/;\n/include/ "secret"\n')
    assert main(["lint", name]) == 2
    assert main(["lint", "-I", str(place.elsewhere), name]) == 1
