"""The rules of money, as ledgers: each test is the text in its docstring (see `notation`)."""

from notation import bookkeeping


@bookkeeping()
def test_a_fee_is_charged_and_a_reward_is_paid():
    """
    2025-03-03 09:00  fee     kiwi  12.00  beak 1
        kiwi  2025-03-03  fee     -12.00  -12.00
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +18.00
    """


@bookkeeping()
def test_the_course_in_one_day():
    """
    2025-03-03 09:00  fee     kiwi    12.00  beak 1           ; kiwi gets the beak
        kiwi    2025-03-03  fee     -12.00  -12.00
    2025-03-03 09:30  fee     kakadu  20.00  cage 1
        kakadu  2025-03-03  fee     -20.00  -20.00
    2025-03-03 10:00  fee     kakadu  12.00  beak 2           ; a manager shuffles: kakadu gets the beak
        kakadu  2025-03-03  fee     -12.00  -32.00
    2025-03-03 10:00  fee     kakadu  20.00  cage 2           ; and the cage again: an assignment all the same
        kakadu  2025-03-03  fee     -20.00  -52.00
    2025-03-03 16:00  reward  kakadu  40.00  cage
        kakadu  2025-03-03  reward  +40.00  -12.00
    2025-03-03 17:00  reward  kakadu  25.00  beak
        kakadu  2025-03-03  reward  +25.00  +13.00
    2025-03-04 00:00  close   2025-03-03                      ; kakadu is paid, kiwi's debt stays: no refund
        kakadu  2025-03-03  payout  -13.00  0.00
    2025-03-04 09:00  fee     kiwi    10.00  nest 1
        kiwi    2025-03-04  fee     -10.00  -22.00
    2025-03-04 15:00  reward  kiwi    35.00  nest
        kiwi    2025-03-04  reward  +35.00  +13.00
    2025-03-05 00:00  close   2025-03-04                      ; 35 earned, 22 owed
        kiwi    2025-03-04  payout  -13.00  0.00
    """


@bookkeeping()
def test_the_same_charge_and_the_same_reward_count_once():
    """
    2025-03-03 09:00  fee     kiwi  12.00  beak 1
        kiwi  2025-03-03  fee     -12.00  -12.00
    2025-03-03 09:00  fee     kiwi  12.00  beak 1
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +18.00
    2025-03-05 17:00  reward  kiwi  30.00  beak
    """


@bookkeeping()
def test_a_day_closed_twice_is_paid_once():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-03 18:00  close   2025-03-03                      ; by hand, before the day is over
        kiwi  2025-03-03  payout  -30.00  0.00
    2025-03-04 00:00  close   2025-03-03                      ; by the clock
    """


@bookkeeping()
def test_what_comes_after_the_close_belongs_to_the_next_day():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-04 00:00  close   2025-03-03
        kiwi  2025-03-03  payout  -30.00  0.00
    2025-03-03 23:59  reward  kiwi  20.00  nest               ; was under way at midnight
        kiwi  2025-03-04  reward  +20.00  +20.00
    2025-03-05 00:00  close   2025-03-04
        kiwi  2025-03-04  payout  -20.00  0.00
    """


@bookkeeping()
def test_the_next_day_is_not_paid_with_the_one_being_closed():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-04 00:01  reward  kiwi  20.00  nest               ; the closer is a minute late
        kiwi  2025-03-04  reward  +20.00  +50.00
    2025-03-04 00:02  close   2025-03-03
        kiwi  2025-03-03  payout  -30.00  +20.00
    2025-03-05 00:00  close   2025-03-04
        kiwi  2025-03-04  payout  -20.00  0.00
    """


@bookkeeping()
def test_a_debt_of_the_next_day_does_not_lessen_the_payout_of_this_one():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-04 00:01  fee     kiwi  20.00  nest 1
        kiwi  2025-03-04  fee     -20.00  +10.00
    2025-03-04 00:02  close   2025-03-03
        kiwi  2025-03-03  payout  -30.00  -20.00
    """


@bookkeeping()
def test_a_debt_is_carried_until_it_is_earned_back():
    """
    2025-03-03 09:00  fee     kiwi  20.00  beak 1
        kiwi  2025-03-03  fee     -20.00  -20.00
    2025-03-04 00:00  close   2025-03-03
    2025-03-05 00:00  close   2025-03-04
    2025-03-05 17:00  reward  kiwi  20.00  beak
        kiwi  2025-03-05  reward  +20.00  0.00
    2025-03-06 00:00  close   2025-03-05                      ; nothing left, nothing to pay
    2025-03-06 17:00  reward  kiwi  21.00  nest
        kiwi  2025-03-06  reward  +21.00  +21.00
    2025-03-07 00:00  close   2025-03-06
        kiwi  2025-03-06  payout  -21.00  0.00
    """


@bookkeeping()
def test_missed_days_closed_in_order_are_paid_each():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-04 17:00  reward  kiwi  20.00  nest
        kiwi  2025-03-04  reward  +20.00  +50.00
    2025-03-06 08:00  close   2025-03-03                      ; after an outage
        kiwi  2025-03-03  payout  -30.00  +20.00
    2025-03-06 08:00  close   2025-03-04
        kiwi  2025-03-04  payout  -20.00  0.00
    2025-03-06 08:00  close   2025-03-05
    """


@bookkeeping()
def test_a_day_left_out_is_closed_and_paid_with_the_one_after_it():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-04 17:00  reward  kiwi  20.00  nest
        kiwi  2025-03-04  reward  +20.00  +50.00
    2025-03-05 00:00  close   2025-03-04
        kiwi  2025-03-04  payout  -50.00  0.00
    2025-03-05 00:00  close   2025-03-03                      ; closed already
    2025-03-03 18:00  fee     kiwi  10.00  cage 1
        kiwi  2025-03-05  fee     -10.00  -10.00
    """


@bookkeeping()
def test_a_popug_never_seen_before_cannot_be_booked_on_a_closed_day():
    """
    2025-03-04 00:00  close   2025-03-03
    2025-03-03 09:00  fee     kiwi  12.00  beak 1
        kiwi  2025-03-04  fee     -12.00  -12.00
    """


@bookkeeping()
def test_a_day_that_has_not_begun_cannot_be_closed():
    """
    2025-03-03 17:00  reward  kiwi  30.00  beak
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-03 18:00  close   2025-03-04
        rejected day_in_future
    2025-03-05 18:00  close   2025-03-04                      ; asked again when it has
        kiwi  2025-03-04  payout  -30.00  0.00
    """


@bookkeeping(zone="Europe/Berlin")
def test_the_night_the_clocks_go_forward_has_an_hour_less_and_one_close():
    """
    2025-03-29 23:59  reward  kiwi  30.00  beak               ; 22:59 UTC
        kiwi  2025-03-29  reward  +30.00  +30.00
    2025-03-30 00:00  reward  kiwi  20.00  nest               ; 23:00 UTC, still the 29th there
        kiwi  2025-03-30  reward  +20.00  +50.00
    2025-03-30 00:00  close   2025-03-29
        kiwi  2025-03-29  payout  -30.00  +20.00
    2025-03-30 23:59  reward  kiwi  25.00  cage               ; 21:59 UTC
        kiwi  2025-03-30  reward  +25.00  +45.00
    2025-03-31 00:00  close   2025-03-30                      ; 22:00 UTC: the day had 23 hours
        kiwi  2025-03-30  payout  -45.00  0.00
    """


@bookkeeping(zone="America/New_York")
def test_the_day_is_the_companys_not_greenwichs():
    """
    2025-03-03 22:00  reward  kiwi  30.00  beak               ; 03:00 UTC on the 4th
        kiwi  2025-03-03  reward  +30.00  +30.00
    2025-03-03 23:00  close   2025-03-04                      ; begun in Greenwich, not here
        rejected day_in_future
    """
