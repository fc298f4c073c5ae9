"""What the code of this package is, module by module: digests that layout, comments and docstrings do not change.

They stand in every provenance file and in what `posewright explain` says. They never make anything run again: that is
what the versions of the stages are for.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).parent


def loaded_modules() -> dict[str, str]:
    """Return the modules of this package that this process has loaded, with their digests."""
    names = sorted(name for name in sys.modules if name.partition(".")[0] == PACKAGE.name)
    found = {name: module_digest(name) for name in names}
    return {name: digest for name, digest in found.items() if digest is not None}


def changed_modules(recorded: Mapping[str, str]) -> list[str]:
    """Return the names of recorded modules whose code is another one now, or is gone."""
    return sorted(name for name, digest in recorded.items() if module_digest(name) != digest)


def module_digest(name: str) -> str | None:
    """Return the digest of a module's code, None where there is no such file."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return code_digest(path.read_text(encoding="utf-8"))
    return None


def code_digest(source: str) -> str:
    """Return the digest of a source text as Python reads it, without docstrings: twelve hex digits."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # strings that stand alone do nothing, at the head or elsewhere
            node.body = [part for part in body if not _is_text(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12]


def _is_text(part: ast.AST) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
