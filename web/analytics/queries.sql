-- name: earnings.between
-- What management earned on each day of a range, oldest first; zero where nothing was booked.
-- $1 first and $2 last business day
SELECT
    d::date AS day,
    coalesce(e.fees_cents, 0) AS fees_cents,
    coalesce(e.rewards_cents, 0) AS rewards_cents,
    coalesce(e.earned_cents, 0) AS earned_cents,
    coalesce(e.entries, 0) AS entries
FROM generate_series($1::date, $2::date, interval '1 day') AS d
LEFT JOIN analytics.daily_earnings e ON e.day = d::date AND e.day BETWEEN $1 AND $2
ORDER BY d;

-- name: negative.now
-- Who is below zero now, deepest first.
SELECT account_id AS id, name, balance_cents
FROM analytics.balances
WHERE balance_cents < 0
ORDER BY balance_cents, account_id;

-- name: negative.at_end_of
-- Who was below zero at the end of a business day, deepest first: one probe for each account. $1 business day
SELECT b.account_id AS id, b.name, d.balance_cents
FROM analytics.balances b
CROSS JOIN LATERAL (
    SELECT balance_cents
    FROM analytics.daily_balances
    WHERE account_id = b.account_id AND day <= $1
    ORDER BY day DESC
    LIMIT 1
) AS d
WHERE d.balance_cents < 0
ORDER BY d.balance_cents, b.account_id;

-- name: tasks.dearest
-- The completed task with the greatest reward. $1 day, week or month, $2 its first business day
SELECT task_id AS id, title, reward_cents, completed_at, completed_by
FROM analytics.dearest_tasks
WHERE period = $1 AND first_day = $2;

-- name: freshness
-- How far the figures are behind the ledger.
SELECT as_of, waiting, lag_seconds FROM analytics.freshness;
