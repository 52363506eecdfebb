"""Statements to begin with, for the SQL page."""

from __future__ import annotations

EXAMPLES = (
    (
        "Earned by week",
        "select date_trunc('week', day)::date as week, sum(earned_cents) as earned_cents\n"
        "from daily_earnings\ngroup by week\norder by week desc",
    ),
    (
        "Who is below zero, and how much",
        "select name, balance_cents\nfrom balances\nwhere balance_cents < 0\norder by balance_cents",
    ),
    (
        "Who completed how many tasks",
        "select assignee, count(*) as tasks\nfrom tasks\nwhere status = 'done'\ngroup by assignee\norder by tasks desc",
    ),
    (
        "Tasks that nobody wants to do",
        "select title, assignee, assignments\nfrom tasks\nwhere status = 'open'\norder by assignments desc\nlimit 20",
    ),
    (
        "What a popug earns on average",
        "select name, avg(amount_cents)::int as reward_cents, count(*) as rewards\nfrom entries\n"
        "where kind = 'reward'\ngroup by name\norder by reward_cents desc",
    ),
)
"""Title and statement."""
