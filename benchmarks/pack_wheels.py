"""Wheels of what a bare GPU machine lacks: `python benchmarks/pack_wheels.py [--machine FILE] [--into .wheels-gpu]`.

A GPU machine may have no network. This downloads, for its Python and its platform, the dependencies that it does not
have, in the versions of this environment. FILE says what it has. A package whose version there is not known is packed
too if another package needs it below some version; it is only installed if that is so. On the machine:

    python -m pip install --no-index --find-links .wheels-gpu -r .wheels-gpu/requirements.txt
    python benchmarks/gpu.py

The first line installs only what is missing or too old, and names what it does not find. The script stops with exit
status 1 if the working tree and the wheels together are larger than `--limit`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = "lm_eval_hesnr"
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
"""Versions of the C library that wheels may be made for; pip looks only for these."""
MACHINE = Path(__file__).parent / "gpu_machine.txt"
MIB = 2**20

Machine = dict[str, str | None]
"""The packages of a machine with their versions; None if the version is not known."""


def main() -> None:
    """Download the wheels, and list the largest if there are too many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", type=Path, default=MACHINE, metavar="FILE")
    parser.add_argument("--python", default="3.12", help="the machine's version of Python")
    parser.add_argument("--arch", default="x86_64", help="the machine's architecture")
    parser.add_argument("--into", type=Path, default=ROOT / ".wheels-gpu", help="folder for the wheels")
    parser.add_argument("--limit", type=float, default=64, help="MiB of the working tree and the wheels together")
    arguments = parser.parse_args()
    machine = read_machine(arguments.machine.read_text())
    environment = {
        "python_version": arguments.python, "python_full_version": f"{arguments.python}.0",
        "platform_machine": arguments.arch, "platform_system": "Linux", "sys_platform": "linux",
    }  # fmt: skip
    packed = to_pack(PROJECT, machine, environment)
    arguments.into.mkdir(parents=True, exist_ok=True)
    for path in arguments.into.glob("*.whl"):
        path.unlink() if wheel_name(path) not in packed.items() else None
    for name, version in packed.items():
        download(name, version, arguments.into, arguments.python, arguments.arch)
    needs = [str(one) for one in requirements_of(PROJECT, frozenset(), environment)]
    (arguments.into / "requirements.txt").write_text("\n".join(needs) + "\n")
    check_size(arguments.into, arguments.limit)


def read_machine(text: str) -> Machine:
    """The packages of a list such as `pip freeze` prints."""
    lines = [line.split("#")[0].split(" @ ")[0].strip() for line in text.splitlines()]
    pairs = [line.partition("==") for line in lines if line and not line.startswith("-")]
    return {str(canonicalize_name(name.strip())): version.strip() or None for name, _, version in pairs}


def requirements_of(name: str, extras: frozenset[str], environment: dict[str, str]) -> list[Requirement]:
    """What a package of this environment needs on a machine, without the markers."""
    found = []
    for line in metadata.requires(name) or []:
        one = Requirement(line)
        if one.marker and not any(one.marker.evaluate({**environment, "extra": extra}) for extra in (*extras, "")):
            continue
        one.marker = None
        found.append(one)
    return found


def to_pack(root: str, machine: Machine, environment: dict[str, str]) -> dict[str, str]:
    """Name to version of what must travel, because the machine lacks it, or may have a version that does not fit."""
    packed: dict[str, str] = {}
    waiting, seen = [(root, frozenset[str]())], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for one in requirements_of(name, extras, environment):
            needed = str(canonicalize_name(one.name))
            if not fits(one, machine):
                packed[needed] = metadata.version(needed)
            if needed in packed or one.extras:
                waiting.append((needed, frozenset(one.extras)))
    return dict(sorted(packed.items()))


def fits(needed: Requirement, machine: Machine) -> bool:
    """Whether the machine's version is good enough; of an unknown version, whether any new one is."""
    name = str(canonicalize_name(needed.name))
    if name not in machine:
        return False
    version = machine[name]
    if version is None:
        return all(part.operator in (">=", ">", "!=") for part in needed.specifier)
    return needed.specifier.contains(Version(version), prereleases=True)


def download(name: str, version: str, into: Path, python: str, arch: str) -> None:
    """One wheel, from the package index; a package without a wheel is built here if it is only Python."""
    if (name, version) in map(wheel_name, into.glob("*.whl")):
        return
    print(f"{name} {version}", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    platforms = [*(f"manylinux_{glibc}_{arch}" for glibc in GLIBC), f"manylinux2014_{arch}"]
    target = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for platform in platforms:
        target += ["--platform", platform]
    wanted = ["--quiet", "--no-deps", f"{name}=={version}"]
    if subprocess.run([*pip, "download", *target, "--dest", str(into), *wanted], capture_output=True).returncode == 0:
        return
    built = subprocess.run([*pip, "wheel", "--wheel-dir", str(into), *wanted], capture_output=True, text=True)
    if built.returncode:
        raise SystemExit(f"{name}=={version}: there is no wheel for Python {python} on {arch}\n{built.stderr[-1000:]}")
    for path in into.glob("*.whl"):
        if wheel_name(path) == (name, version) and not path.name.endswith("-none-any.whl"):
            path.unlink()
            raise SystemExit(f"{name}=={version}: {path.name} was built for this machine, not for Python {python}")


def wheel_name(path: Path) -> tuple[str, str]:
    """Name and version of a wheel file."""
    name, version, *_ = path.name.split("-")
    return str(canonicalize_name(name)), version


def check_size(folder: Path, limit: float) -> None:
    """Print the sizes; exit status 1 with the largest wheels if they are too large."""
    wheels = {path.name: path.stat().st_size / MIB for path in folder.glob("*.whl")}
    tree = sum(path.stat().st_size for path in travelling()) / MIB
    total = tree + sum(wheels.values())
    print(f"{len(wheels)} wheels, {total - tree:.1f} MiB; with the working tree {total:.1f} of {limit:g} MiB")
    if total > limit:
        largest = sorted(wheels.items(), key=lambda pair: -pair[1])[:10]
        lines = [f"{size:8.1f} MiB  {name}" for name, size in largest]
        raise SystemExit(
            f"{total:.1f} MiB are more than {limit:g}; the largest wheels, of which the machine may have some "
            "(--machine):\n" + "\n".join(lines)
        )


def travelling() -> Iterator[Path]:
    """The files of the working tree that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return (ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


if __name__ == "__main__":
    main()
