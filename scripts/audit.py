#!/usr/bin/env python
"""The licence and version of every package that repviz installs, against what is allowed.

    scripts/audit.py [--extra dev]      # no network: it reads what is installed

Exit code 1 where a version lies outside the range that ``pyproject.toml`` or a package declares, a
required package is not installed, or a licence is not in ``scripts/licences.toml``. Known
vulnerabilities are not looked up: their databases are online (``pip-audit``).
"""

from __future__ import annotations

import re
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

POLICY = Path(__file__).with_name("licences.toml")
UNSAID = (
    "OSI Approved",
    "DFSG approved",
    "Other/Proprietary License",
)  # classifiers that name none


@dataclass(frozen=True)
class Package:
    """An installed package: who requires which versions of it, and its licence."""

    name: str
    version: str
    licence: str
    faults: tuple[str, ...]


def required(name: str, extras: tuple[str, ...]) -> dict[str, list[tuple[str, Requirement]]]:
    """Package -> who requires it and in which versions, for all that ``name`` pulls in."""
    found: dict[str, list[tuple[str, Requirement]]] = {}
    pending, seen = [(name, ("", *extras))], set()
    while pending:
        owner, wanted = pending.pop()
        if (owner, wanted) in seen:
            continue
        seen.add((owner, wanted))
        for one in _requirements(owner, wanted):
            key = canonicalize_name(one.name)
            found.setdefault(key, []).append((owner, one))
            pending.append((key, ("", *sorted(one.extras))))
    found.pop(canonicalize_name(name), None)
    return found


def _requirements(name: str, extras: tuple[str, ...]) -> Iterator[Requirement]:
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for one in map(Requirement, lines):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
            yield one


def licence(package: Distribution, policy: dict[str, Any]) -> str:
    """The licence that was read in the package's files, or that its metadata names."""
    metadata = package.metadata
    if read := policy["read"].get(canonicalize_name(metadata["Name"])):
        return str(read)
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = metadata.get_all("Classifier") or []
    names = [one.split(" :: ")[-1] for one in classifiers if one.startswith("License :: ")]
    if names := [name for name in names if name not in UNSAID]:
        return " AND ".join(sorted(names))
    return (metadata.get("License") or "").strip().partition("\n")[0] or "not named"


def is_allowed(name: str, text: str, policy: dict[str, Any]) -> bool:
    """Whether a package is accepted, or every licence of the expression ``text`` is allowed."""
    if any(fnmatchcase(name, pattern) for pattern in policy["accepted"]):
        return True
    parts = re.split(r"\s+(?:AND|OR|WITH)\s+", text)
    return text in policy["allowed"] or all(
        part.strip(" ()") in policy["allowed"] for part in parts
    )


def audit(name: str, extras: tuple[str, ...], policy: dict[str, Any]) -> list[Package]:
    """Every package that ``name`` with ``extras`` installs, each with what is wrong with it."""
    return [_judged(key, owners, policy) for key, owners in sorted(required(name, extras).items())]


def _judged(name: str, owners: list[tuple[str, Requirement]], policy: dict[str, Any]) -> Package:
    try:
        package = distribution(name)
    except PackageNotFoundError:
        who = ", ".join(sorted({owner for owner, _ in owners}))
        return Package(name, "", "", (f"is not installed, and {who} requires it",))
    faults = [
        f"{owner} requires {one.specifier}, got {package.version}"
        for owner, one in owners
        if not one.specifier.contains(package.version, prereleases=True)
    ]
    own = licence(package, policy)
    if not is_allowed(name, own, policy):
        faults.append(f"its licence '{own}' is not in {POLICY.name}")
    return Package(name, package.version, own, tuple(faults))


def main() -> int:
    """Print one line per package; 1 if anything is wrong, else 0."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--extra", action="append", default=[])
    given = options.parse_args()
    policy = tomllib.loads(POLICY.read_text())
    packages = audit("repviz-toolkit", tuple(given.extra), policy)
    for one in packages:
        print(f"{one.name:28}{one.version:20}{one.licence}")
    wrong = [f"{one.name}: {fault}" for one in packages for fault in one.faults]
    print("\n".join(wrong) if wrong else f"{len(packages)} packages, 0 faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
