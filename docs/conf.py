"""How the documentation is built: `tox -e docs`, warnings are errors."""
# ruff: noqa: INP001 - a settings file, not a module

from __future__ import annotations

project = "framework"
copyright = "the framework's authors"  # noqa: A001 - the name Sphinx reads
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["changelog.d/README.md"]
html_theme = "furo"
html_title = "framework"
nitpicky = True
