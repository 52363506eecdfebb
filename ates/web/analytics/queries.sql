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

-- name: asked.add
-- Remember a statement before it runs. $1 id, $2 author's account, $3 author's name, $4 statement
INSERT INTO asked.queries (id, author_id, author, sql) VALUES ($1, $2, $3, $4) RETURNING id;

-- name: asked.done
-- What became of it. $1 id, $2 ok or a code, $3 rows, $4 milliseconds
UPDATE asked.queries SET outcome = $2, rows = $3, milliseconds = $4 WHERE id = $1 RETURNING id;

-- name: asked.one
-- A statement by its permalink. $1 id
SELECT id, author_id, author, sql, asked_at, outcome FROM asked.queries WHERE id = $1;

-- name: asked.recent
-- An author's last statements, each once, newest first. $1 author's account
SELECT id, sql, asked_at, outcome, rows, milliseconds
FROM (
    SELECT DISTINCT ON (sql) *
    FROM (SELECT * FROM asked.queries WHERE author_id = $1 ORDER BY asked_at DESC LIMIT 200) AS last
    ORDER BY sql, asked_at DESC
) AS once
ORDER BY asked_at DESC
LIMIT 10;

-- name: schema.columns
-- What can be asked: every view of the schema with what it is, and its columns in order.
SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS about,
    array_agg(a.attname::text ORDER BY a.attnum) AS columns,
    array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v'
GROUP BY c.oid, c.relname
ORDER BY c.relname;
