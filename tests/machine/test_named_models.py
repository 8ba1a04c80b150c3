# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that a user or an installed package names: found, or refused with a line that names them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from paradrive.devices.device import Device
from paradrive.host.inputs import InputError
from paradrive.machine import named_models as named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from program_guest import Boot

DEVICE = "from paradrive.devices import RO, Register, RegisterDevice\n"
NIC = f"""{DEVICE}
class Nic(RegisterDevice):
    compatible = ("acme,nic", "acme,old-nic")
    ID = Register(0, RO, "Who it is.", reset=7)

class Faster(Nic):
    pass

class Nameless(RegisterDevice):
    pass

class Port(Nic):
    model_names = ("acme,port",)

class Needy(Nic):
    def __init__(self, colour):
        super().__init__()

class Broken(Nic):
    def __init__(self):
        super().__init__()
        self.speed = 1 / 0

number = 5
"""


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("acme_"):
            del sys.modules[name]
    named._installed.cache_clear()


@pytest.fixture
def models(tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Return what finds models by names, in a directory with a module of devices."""
    (tmp_path / "acme_nic.py").write_text(NIC)

    def find(*names: str) -> dict[str, object]:
        return dict(named.named_models(names, "--device", str(tmp_path)))

    return find


def name_of(model: object) -> str:
    assert isinstance(model, type) and issubclass(model, Device)
    return model.__name__


def test_class_models_what_it_is_compatible_with(models: Callable[..., dict[str, object]]) -> None:
    found = models("acme_nic:Nic")
    assert {key: name_of(model) for key, model in found.items()} == {"acme,nic": "Nic", "acme,old-nic": "Nic"}


def test_class_that_shares_what_it_is_compatible_with_models_what_nodes_call_it(
    models: Callable[..., dict[str, object]],
) -> None:
    assert {key: name_of(model) for key, model in models("acme_nic:Port").items()} == {"acme,port": "Port"}


def test_key_says_what_a_class_models(models: Callable[..., dict[str, object]]) -> None:
    found = models("/soc/nic@0=acme_nic:Nic", "acme_nic:Faster", "nic1=acme_nic:Nameless")
    names = {key: name_of(model) for key, model in found.items()}
    assert names == {"/soc/nic@0": "Nic", "acme,nic": "Faster", "acme,old-nic": "Faster", "nic1": "Nameless"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("acme_nic", "module:Class"),
        ("=acme_nic:Nic", "module:Class"),
        ("acme_nic:Nic:More", "module:Class"),
        ("acme_absent:Nic", "acme_absent"),
        ("acme_nic:Absent", "Absent"),
        ("acme_nic:number", "Device"),
        ("pathlib:Path", "Device"),
        ("acme_nic:Nameless", "KEY"),
    ],
)
def test_what_is_no_device_is_refused_by_name(
    models: Callable[..., dict[str, object]], name: str, reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        models(name)
    assert caught.value.source == f"--device {name}"
    assert reason in caught.value.reason
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("line", ["1 / 0", "def (:", "import acme_absent", "raise SystemExit('bye\\nbye')"])
def test_module_that_cannot_be_imported_is_named_with_the_line(
    models: Callable[..., dict[str, object]], tmp_path: Path, line: str
) -> None:
    (tmp_path / "acme_bad.py").write_text(f"{DEVICE}\n{line}\n")
    with pytest.raises(InputError, match=r"acme_bad:Nic: .*acme_bad\.py, line 3") as caught:
        models("acme_bad:Nic")
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def nic_tree(compile_tree: Callable[[str], bytes]) -> bytes:
    return compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / { platform@f00000000 { nic@1000 {
            compatible = "acme,fast-nic", "acme,nic"; reg = <0x1000 0x1000>;
        }; }; };"""
    )


@pytest.mark.parametrize("name", ["Needy", "Broken"])
def test_class_of_which_no_device_can_be_made_is_named(
    boot: Boot, nic_tree: bytes, models: Callable[..., dict[str, object]], name: str
) -> None:
    with pytest.raises(InputError, match=f"nic@1000: .*acme_nic:{name}"):
        boot("b .", nic_tree, models=models(f"acme_nic:{name}"))


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str], None]:
    """Return what installs a package with entry points."""

    def add(entry_points: str) -> None:
        (tmp_path / "acme_nic.py").write_text(NIC)
        metadata = tmp_path / "acme_devices-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-devices\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[paradrive.devices]\n{entry_points}\n")
        sys.path.insert(0, str(tmp_path))
        named._installed.cache_clear()

    return add


def test_installed_package_models_what_nothing_else_does(
    boot: Boot, nic_tree: bytes, install: Callable[[str], None]
) -> None:
    assert len(boot("b .", nic_tree).warnings) == 1
    install("acme,nic = acme_nic:Faster\nqemu,pvctl = acme_nic:Nic\nacme,other = acme_absent:Nic")
    machine = boot("b .", nic_tree)
    assert machine.warnings == []
    assert type(machine.devices["/platform@f00000000/nic@1000"]).__name__ == "Faster"
    assert type(machine.devices["/platform@f00000000/pvctl@0"]).__name__ == "Pvctl"


def test_entry_point_that_leads_nowhere_is_named_with_its_package(
    boot: Boot, nic_tree: bytes, install: Callable[[str], None]
) -> None:
    install("acme,nic = acme_absent:Nic")
    with pytest.raises(InputError, match=r"acme-devices: .*acme,nic = acme_absent:Nic"):
        boot("b .", nic_tree)
