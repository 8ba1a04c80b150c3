#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what is missing on a Debian 12: Debian packages, and the virtual environment .venv with the
# Python packages that requirements.txt pins. With arguments, installs these Debian packages alone. Exit
# status 2 with one line when something cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
	# guest kernel, driver and userland
	linux-source-6.12 gcc-powerpc-linux-gnu linux-libc-dev-powerpc-cross libc6-dev-powerpc-cross
	make gcc libc6-dev flex bison bc perl xz-utils libelf-dev libssl-dev
	# device trees
	device-tree-compiler
	# virtual environment; one Python package is compiled when it is installed
	python3-venv python3-dev
	# checks, comparisons and the benchmark
	git sparse qemu-system-ppc qemu-user
)

fail() {
	echo "paradrive: error: $*" >&2
	exit 2
}

missing_packages() {
	comm -13 \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
			sed -n 's/^installed //p' | sort -u) \
		<(printf '%s\n' "${packages[@]}" | sort -u)
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 2 ]; then
		sudo "$@"
	else
		sudo -n "$@"	# nobody could answer if it asked for a password
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o Dpkg::Progress-Fancy=1 "$@" </dev/null
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages)
	[ ${#missing[@]} -eq 0 ] && return

	echo "paradrive: installing Debian packages: ${missing[*]}" >&2
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		fail "neither root nor sudo; as root: apt-get install ${missing[*]}"
	fi
	complaints=$(mktemp)
	trap 'rm -f "$complaints"' EXIT
	apt -qq update >&2 || echo "paradrive: the package lists could not be updated" >&2
	if ! apt install -y --no-install-recommends "${missing[@]}" >&2 2>"$complaints"; then
		fail "Debian packages cannot be installed: $(grep -m1 '^E:' "$complaints" || tail -n1 "$complaints")"
	fi
}

install_python_packages() {
	local quiet=()
	[ -t 2 ] || quiet=(-q)

	# Debian's own Python, whatever comes first in PATH: python3-venv and python3-dev belong to it, and it is
	# built with the optimisations that take a third off every run.
	if ! .venv/bin/python -c '' 2>/dev/null; then
		echo "paradrive: creating the virtual environment .venv" >&2
		/usr/bin/python3 -m venv --clear .venv || fail "the virtual environment .venv cannot be created"
	fi
	echo "paradrive: installing Python packages" >&2
	.venv/bin/python -m pip install --disable-pip-version-check "${quiet[@]}" \
		--constraint requirements.txt --editable '.[dev]' >&2 ||
		fail "Python packages cannot be installed (see above)"
	# setuptools writes a finder, which imports so much that it doubles the interpreter's start; two
	# directories on the path do the same.
	printf '%s\n' "$PWD/host-model" "$PWD/tools" |
		tee .venv/lib/python3*/site-packages/__editable__.paradrive-*.pth >/dev/null
}

if [ $# -gt 0 ]; then
	packages=("$@")
	install_packages
	exit
fi
install_packages
install_python_packages
