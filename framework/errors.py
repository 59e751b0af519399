"""Every error the framework raises on purpose, and the exit code each one ends the command line with.

FrameworkError                                                exit 1
├ ConfigError        node.yaml is wrong; says where           exit 2
├ PluginError        a plugin cannot be used                  exit 3
│ ├ PluginNotFound   nothing installed has that name
│ ├ PluginBroken     it is installed and does not load
│ └ PluginConflict   two distributions claim the same name
├ CompositionError   valid parts that do not fit together     exit 4
├ DataError          catalog missing, corrupt or misaligned   exit 5
├ RunError           engine refused, handler failed           exit 6
│ └ JournalError     the journal cannot be written or trusted
└ CheckFailed        an analysis found a problem              exit 7
  └ NotEnoughEvidence  an analysis could not decide           exit 8

A denied order is an event in the run, not an exception. A bug is not a FrameworkError: it propagates
with its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class FrameworkError(Exception):
    """A problem the user can act on.

    Args:
        message: What is wrong, in one sentence.
        where: `file:line:column`, or any other place the reader can go to.
        path: The YAML path of the offending value, such as `strategies[0].config.period`.
        remedy: What to do next, as an instruction.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, where: str | None = None, path: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.path = path
        self.remedy = remedy

    def __str__(self) -> str:
        """Place, message and remedy, the way a compiler prints them."""
        place = f"{self.where}: " if self.where else ""
        path = f" (at {self.path})" if self.path else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{path}{remedy}"

    def to_dict(self) -> dict[str, str | int | None]:
        """The same facts for `--json`."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "where": self.where,
            "path": self.path,
            "remedy": self.remedy,
            "exit_code": self.exit_code,
        }


class ConfigError(FrameworkError):
    """The configuration is wrong: not YAML, an unknown key, a bad type or value."""

    exit_code = 2


class PluginError(FrameworkError):
    """A plugin cannot be used."""

    exit_code = 3


class PluginNotFound(PluginError):  # noqa: N818 - the name a user reads; the family is PluginError
    """No installed plugin offers that name."""


class PluginBroken(PluginError):  # noqa: N818 - the name a user reads; the family is PluginError
    """The plugin is installed, and importing or registering it failed."""


class PluginConflict(PluginError):  # noqa: N818 - the name a user reads; the family is PluginError
    """Two distributions offer the same name."""


class CompositionError(FrameworkError):
    """Every part is valid by itself, and they do not fit together."""

    exit_code = 4


class DataError(FrameworkError):
    """The catalog, or data on its way into it, is missing, corrupt or misaligned."""

    exit_code = 5


class RunError(FrameworkError):
    """The engine refused the run, a handler failed, or nothing ran."""

    exit_code = 6


class JournalError(RunError):
    """The journal cannot be written any more, is damaged, or belongs to another process."""


class CheckFailed(FrameworkError):  # noqa: N818 - a verdict, not a malfunction
    """An analysis finished and found a problem."""

    exit_code = 7


class NotEnoughEvidence(CheckFailed):
    """An analysis finished and could not decide."""

    exit_code = 8
