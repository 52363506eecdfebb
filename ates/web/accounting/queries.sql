-- name: accounts.balance
-- An account and its balance: 0, and no time, without entries. $1 account
SELECT a.account_id, a.name, a.role, a.active, coalesce(b.balance_cents, 0) AS balance_cents, b.as_of
FROM views.accounts a
LEFT JOIN views.balances b ON b.account_id = a.account_id
WHERE a.account_id = $1;

-- name: accounts.balances
-- Who has a balance, by name. $1, $2 name and id of the last one seen, $3 limit
SELECT a.account_id, a.name, a.role, a.active, b.balance_cents, b.as_of
FROM views.balances b
JOIN views.accounts a ON a.account_id = b.account_id
WHERE (a.name, a.account_id) > ($1, $2)
ORDER BY a.name, a.account_id
LIMIT $3;

-- name: balances.totals
-- What the company owes to popugs, what popugs owe to it (negative), and how many do.
SELECT
    coalesce(sum(balance_cents) FILTER (WHERE balance_cents > 0), 0)::bigint AS owed_cents,
    coalesce(sum(balance_cents) FILTER (WHERE balance_cents < 0), 0)::bigint AS debts_cents,
    count(*) FILTER (WHERE balance_cents < 0) AS below_zero
FROM views.balances;

-- name: entries.of_account
-- The audit log of an account, newest first. $1 account, $2 sequence of the last one seen, $3 limit, $4 kind or empty
SELECT e.*, t.title, t.jira_id, t.description
FROM views.entries e
LEFT JOIN views.tasks t ON t.task_id = e.task_id
WHERE e.account_id = $1 AND e.sequence < $2 AND ($4 = '' OR e.kind = $4)
ORDER BY e.sequence DESC
LIMIT $3;

-- name: entries.of_account_and_day
-- The same, booked on one day. $1 account, $2 sequence of the last one seen, $3 limit, $4 kind or empty, $5 day
SELECT e.*, t.title, t.jira_id, t.description
FROM views.entries e
LEFT JOIN views.tasks t ON t.task_id = e.task_id
WHERE e.account_id = $1 AND e.business_day = $5 AND e.sequence < $2 AND ($4 = '' OR e.kind = $4)
ORDER BY e.sequence DESC
LIMIT $3;

-- name: entries.day_sums
-- What one account paid (positive) and earned on a day. $1 account, $2 business day
SELECT
    coalesce(-sum(amount_cents) FILTER (WHERE kind = 'fee'), 0)::bigint AS fees_cents,
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'reward'), 0)::bigint AS rewards_cents
FROM views.entries
WHERE account_id = $1 AND business_day = $2;

-- name: payouts.last
-- The latest payout of an account. $1 account
SELECT business_day AS day, -amount_cents AS amount_cents
FROM views.entries
WHERE kind = 'payout' AND account_id = $1
ORDER BY business_day DESC
LIMIT 1;

-- name: payouts.of_account
-- An account's payouts, latest first. $1 account, $2 day and $3 account of the last one seen, $4 limit
SELECT e.transaction_id, e.account_id, a.name, e.business_day AS day, -e.amount_cents AS amount_cents,
    coalesce(m.status, 'pending') AS email_status, m.reason, m.at AS email_at
FROM views.entries e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
LEFT JOIN views.mails m ON m.transaction_id = e.transaction_id
WHERE e.kind = 'payout' AND e.account_id = $1 AND (e.business_day, e.account_id) < ($2, $3)
ORDER BY e.business_day DESC, e.account_id DESC
LIMIT $4;

-- name: payouts.of_account_and_day
-- An account's payouts on one day.
-- $1 account, $2 day and $3 account of the last one seen, $4 limit, $5 business day
SELECT e.transaction_id, e.account_id, a.name, e.business_day AS day, -e.amount_cents AS amount_cents,
    coalesce(m.status, 'pending') AS email_status, m.reason, m.at AS email_at
FROM views.entries e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
LEFT JOIN views.mails m ON m.transaction_id = e.transaction_id
WHERE e.kind = 'payout' AND e.account_id = $1 AND e.business_day = $5 AND (e.business_day, e.account_id) < ($2, $3)
ORDER BY e.business_day DESC, e.account_id DESC
LIMIT $4;

-- name: payouts.of_everybody
-- All payouts, latest first. $1 day and $2 account of the last one seen, $3 limit
SELECT e.transaction_id, e.account_id, a.name, e.business_day AS day, -e.amount_cents AS amount_cents,
    coalesce(m.status, 'pending') AS email_status, m.reason, m.at AS email_at
FROM views.entries e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
LEFT JOIN views.mails m ON m.transaction_id = e.transaction_id
WHERE e.kind = 'payout' AND (e.business_day, e.account_id) < ($1, $2)
ORDER BY e.business_day DESC, e.account_id DESC
LIMIT $3;

-- name: payouts.of_everybody_on_day
-- All payouts of one day. $1 day and $2 account of the last one seen, $3 limit, $4 business day
SELECT e.transaction_id, e.account_id, a.name, e.business_day AS day, -e.amount_cents AS amount_cents,
    coalesce(m.status, 'pending') AS email_status, m.reason, m.at AS email_at
FROM views.entries e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
LEFT JOIN views.mails m ON m.transaction_id = e.transaction_id
WHERE e.kind = 'payout' AND e.business_day = $4 AND (e.business_day, e.account_id) < ($1, $2)
ORDER BY e.business_day DESC, e.account_id DESC
LIMIT $3;

-- name: payouts.one
-- The account and the mail of one payout. $1 transaction
SELECT e.account_id, coalesce(m.status, 'pending') AS email_status
FROM views.entries e
LEFT JOIN views.mails m ON m.transaction_id = e.transaction_id
WHERE e.kind = 'payout' AND e.transaction_id = $1;

-- name: payouts.due
-- Whom the close of a day would pay out, and how much: what is booked through it and not paid, where positive.
-- $1 business day
SELECT count(*) AS accounts, coalesce(sum(due_cents), 0)::bigint AS due_cents
FROM (
    SELECT sum(amount_cents) AS due_cents FROM views.entries WHERE business_day <= $1 GROUP BY account_id
) AS due
WHERE due_cents > 0;

-- name: entries.of_day
-- What was booked on a day, newest first. $1 business day, $2 time and $3 transaction of the last one seen, $4 limit,
-- $5 kind or empty
SELECT e.*, t.title, t.jira_id, t.description, a.name
FROM views.entries e
LEFT JOIN views.tasks t ON t.task_id = e.task_id
LEFT JOIN views.accounts a ON a.account_id = e.account_id
WHERE e.business_day = $1 AND (e.applied_at, e.transaction_id) < ($2, $3) AND ($5 = '' OR e.kind = $5)
ORDER BY e.applied_at DESC, e.transaction_id DESC
LIMIT $4;

-- name: books.balance
-- Both sides of the books in one glance: all entries, all balances, and the accounts where the two differ.
SELECT
    coalesce(sum(e.entries), 0)::bigint AS entries,
    coalesce(sum(e.cents), 0)::bigint AS entries_cents,
    count(b.account_id) AS accounts,
    coalesce(sum(b.balance_cents), 0)::bigint AS balances_cents,
    count(*) FILTER (WHERE e.cents IS DISTINCT FROM b.balance_cents) AS differ
FROM (SELECT account_id, count(*) AS entries, sum(amount_cents) AS cents FROM views.entries GROUP BY account_id) AS e
FULL JOIN views.balances b ON b.account_id = e.account_id;

-- name: earnings.between
-- What was charged and paid by day, oldest first; days without bookings have no row. $1 first day, $2 last day
SELECT day, fees_cents, rewards_cents, fees_cents - rewards_cents AS earned_cents
FROM views.earnings
WHERE day BETWEEN $1 AND $2
ORDER BY day;
