"""A scenario is a file of scenarios/: its docstring is the story, FORMS its forms, play(lab, …) what happens.

    \"\"\"The title, in one line.

    The story, for people: it becomes the README of every capture.
    \"\"\"
    PRODUCTS = (Nginx, Node)                      # classes of products/; their packages are installed
    FORMS = {"failing": {"idle_s": 5}, "fixed": {"idle_s": 65}}      # what play gets, by form
    LIMIT_S = 60                                  # it may take so long; 120 if it doesn't say
    ALONE = True                                  # it wants the machine for itself

    def play(lab, idle_s): …
"""

from __future__ import annotations

import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    story: str
    forms: dict[str, dict]
    packages: tuple[str, ...]
    limit_s: float
    alone: bool
    play: Callable


def all_of(folder: Path) -> dict[str, Scenario]:
    """By name, in the order of names."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"scenarios.{file.stem}", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        title, _, story = inspect.getdoc(module).partition("\n")
        packages = tuple(package for product in getattr(module, "PRODUCTS", ()) for package in product.packages)
        found[file.stem] = Scenario(file.stem, title, story.strip(), module.FORMS, packages, getattr(module, "LIMIT_S", 120),
                                    getattr(module, "ALONE", False), module.play)
    return found
