-- name: earnings.of_days
-- What management earned on some days; days without bookings have no row. $1 days
SELECT day, fees_cents, rewards_cents, fees_cents - rewards_cents AS earned_cents
FROM views.earnings
WHERE day = ANY ($1::date[]);

-- name: negative.now
-- Who is below zero now, deepest first.
SELECT b.account_id AS id, coalesce(a.name, b.account_id) AS name, b.balance_cents
FROM views.balances b
LEFT JOIN views.accounts a ON a.account_id = b.account_id
WHERE b.balance_cents < 0
ORDER BY b.balance_cents, b.account_id;

-- name: negative.at_end_of
-- Who was below zero by what was booked up to the end of a business day, deepest first. $1 business day
SELECT e.account_id AS id, coalesce(a.name, e.account_id) AS name, e.balance_cents
FROM (
    SELECT account_id, sum(amount_cents)::bigint AS balance_cents
    FROM views.entries
    WHERE business_day <= $1
    GROUP BY account_id
    HAVING sum(amount_cents) < 0
) e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
ORDER BY e.balance_cents, e.account_id;

-- name: tasks.dearest
-- The completed task with the greatest reward; the earlier one of equals. One probe of the index for each day.
-- $1 first and $2 last business day
SELECT best.task_id AS id, t.title, best.amount_cents AS reward_cents,
    coalesce(t.completed_at, best.occurred_at) AS completed_at
FROM generate_series($1::date, $2::date, interval '1 day') AS day
CROSS JOIN LATERAL (
    SELECT e.task_id, e.amount_cents, e.occurred_at, e.transaction_id
    FROM views.entries e
    WHERE e.kind = 'reward' AND e.business_day = day::date
    ORDER BY e.amount_cents DESC, e.occurred_at, e.transaction_id
    LIMIT 1
) AS best
LEFT JOIN views.tasks t ON t.task_id = best.task_id
ORDER BY best.amount_cents DESC, best.occurred_at, best.transaction_id
LIMIT 1;
