"""Text from plugins, files and the command line, as it may be shown on a terminal."""

from __future__ import annotations


def plain(text: object) -> str:
    """The text with every control and invisible character spelled out; line ends stay.

    A message may quote a file, a plugin or an argument, and what those hold must not recolour, retitle or
    erase the terminal.
    """
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in str(text)
    )
