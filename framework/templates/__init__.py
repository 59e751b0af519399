"""Skeletons of plugin packages, one folder a kind, for `framework new`.

A file ends in `.tmpl`; `$name` and its sisters are filled in by `string.Template`, and a path part called
`PACKAGE` becomes the package's name. CI generates each and runs its tests.
"""
