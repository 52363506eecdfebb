-- name: offsets
-- How far each partition has been projected.
SELECT topic, partition, next_offset FROM views.offsets;

-- name: tasks
-- All tasks.
SELECT task_id, author_id, jira_id, title, description, status, assignee_id, assignment, version, completed_at
FROM views.tasks;

-- name: assignments
-- Of each task: how many assignments it has, and the number of the last.
SELECT task_id, count(*), max(assignment) FROM views.assignments GROUP BY task_id;

-- name: accounts
-- All accounts; the columns are those of run.ACCOUNT_FIELDS.
SELECT account_id, login, name, email, role, active, version FROM views.accounts;

-- name: balances
-- All balances.
SELECT account_id, balance_cents, sequence FROM views.balances;

-- name: earnings
-- By day: what management earned, fees, rewards, payouts.
SELECT day, fees_cents - rewards_cents, fees_cents, rewards_cents, payouts_cents FROM views.earnings;

-- name: entries
-- All entries; the columns are those of books.entry_hash.
SELECT transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id, business_day, occurred_at,
    applied_at
FROM views.entries;

-- name: outbox
-- What auth wrote to be published, and for how long it has waited.
SELECT id::text AS id, aggregatetype, published_at,
    extract(epoch FROM clock_timestamp() - written_at)::bigint AS waits_seconds
FROM auth.outbox;

-- name: accounts.some
-- Some accounts to ask the front ends about, other ones each time. $1 how many
SELECT account_id, balance_cents FROM views.balances ORDER BY random() LIMIT $1;

-- name: balance
-- One balance. $1 account
SELECT balance_cents FROM views.balances WHERE account_id = $1;

-- name: days.last
-- The last days with bookings: day, earned, fees, rewards. $1 how many
SELECT day, fees_cents - rewards_cents, fees_cents, rewards_cents FROM views.earnings ORDER BY day DESC LIMIT $1;

-- name: figures
-- What analytics counted: day, partition, entries, fees, rewards, payouts.
SELECT day, partition, entries, fees_cents, rewards_cents, payouts_cents FROM views.day_figures;
