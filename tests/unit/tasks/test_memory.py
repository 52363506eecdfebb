"""Which old commands are forgotten, and when."""

from datetime import UTC, datetime, timedelta

from ates.domain.tasks.memory import KEPT, SWEEP, advance, is_expired, sweep
from ates.domain.tasks.state import Counters, Handled

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


def test_stream_time_never_goes_back():
    counters = advance(Counters(last_number=3), NOW)

    assert counters == Counters(last_number=3, clock=NOW)
    assert advance(counters, NOW - MOMENT) is counters
    assert advance(counters, NOW + MOMENT).clock == NOW + MOMENT


def test_a_command_expires_thirty_days_after_it_was_issued():
    assert not is_expired(NOW - KEPT, None)
    assert not is_expired(NOW - KEPT, NOW)
    assert is_expired(NOW - KEPT - MOMENT, NOW)


def test_only_what_is_old_and_finished_is_swept_away():
    old, young = Handled(at=NOW - KEPT - MOMENT), Handled(at=NOW - KEPT)
    still_going_on = Handled(at=NOW - KEPT - MOMENT, done=False)

    gone, counters = sweep([("a", old), ("b", young), ("c", still_going_on), ("d", old)], Counters(clock=NOW))

    assert gone == ["a", "d"]
    assert counters.swept == "d"


def test_a_round_begins_anew_when_it_has_come_to_the_end():
    rows = [(str(number), Handled(at=NOW)) for number in range(SWEEP - 1)]

    assert sweep(rows, Counters(clock=NOW, swept="0"))[1].swept == ""
