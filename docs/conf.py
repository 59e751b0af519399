"""How the documentation is built: `tox -e docs`, warnings are errors.

Sphinx reads the whole checkout, so that the READMEs of plugins and examples are pages too, and a link in the
repository is the same link in the built pages.
"""
# ruff: noqa: INP001 - a settings file, not a module

from __future__ import annotations

project = "framework"
copyright = "the framework's authors"  # noqa: A001 - the name Sphinx reads
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "catalog/README.md",
    "examples/*/README.md",
    "examples/*/real_data/README.md",
    "plugins/*/*/README.md",
]
exclude_patterns = ["docs/changelog.d/**"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "framework"
