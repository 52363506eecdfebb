"""Who is told to try again is told when."""

from __future__ import annotations

from ates.domain.errors import Rejected, Unavailable
from ates.web.kit import problems


def test_an_error_says_when_to_try_again_if_it_knows() -> None:
    assert problems.headers(Rejected("too_many_attempts", retry_after=42)) == {"Retry-After": "42"}
    assert problems.headers(Unavailable("kafka_unavailable")) == {"Retry-After": str(problems.RETRY_AFTER_SECONDS)}
    assert problems.headers(Rejected("task_not_found")) == {}
