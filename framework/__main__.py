"""`python -m framework` is `framework`."""

from framework.cli import main

main()
