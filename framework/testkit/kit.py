"""What every kit is: a test class to subclass, whose standard tests cannot quietly go away."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest


class Kit:
    """The base of the kits.

    A subclass may add tests, and may change a standard one only in the open: with
    `@pytest.mark.xfail(reason="...")` on the overriding method, which stays in the test report.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a subclass that hides a standard test."""
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("framework.testkit."):
            return
        if not vars(cls).get("__test__", True):
            raise TypeError(f"{cls.__name__} sets __test__ = False: {_REMEDY}")
        for name in standard_tests(cls):
            if name in vars(cls) and not _excused(vars(cls)[name]):
                raise TypeError(f"{cls.__name__} overrides the standard test {name}: {_REMEDY}")


_REMEDY = (
    "a kit's tests are the contract. Make it pass, or mark the overriding method "
    '@pytest.mark.xfail(reason="...") so that the gap stays in the report'
)


def standard_tests(kit: type[Kit]) -> list[str]:
    """The names of the tests a kit brings, in order."""
    found: dict[str, None] = {}
    for base in reversed(kit.__mro__):
        if issubclass(base, Kit) and base.__module__.startswith("framework.testkit."):
            found |= dict.fromkeys(name for name in vars(base) if name.startswith("test_"))
    return list(found)


def expect(problem: str | None, *, if_fails: str) -> None:
    """Fail, when there is a problem, with what it means before what it is."""
    __tracebackhide__ = True
    if problem:
        fail(f"If this fails, {if_fails}\n\n{problem}")


def fail(message: str) -> NoReturn:
    """Fail the test with the message alone."""
    __tracebackhide__ = True
    pytest.fail(message, pytrace=False)


def needs(problem: str | None, *, because: str) -> None:
    """Skip what cannot be judged until another standard test passes."""
    __tracebackhide__ = True
    if problem:
        pytest.skip(f"not judged: {because}")


def _excused(method: Any) -> bool:
    return any(
        mark.name == "xfail" and mark.kwargs.get("reason") for mark in getattr(method, "pytestmark", ())
    )
