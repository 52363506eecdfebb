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
-- All accounts; the columns are those of compare.ACCOUNT_FIELDS.
SELECT account_id, login, name, email, role, active, version FROM views.accounts;

-- name: balances
-- All balances.
SELECT account_id, balance_cents, sequence FROM views.balances;

-- name: earnings
-- By day: what management earned, fees, rewards, payouts.
SELECT day, fees_cents - rewards_cents, fees_cents, rewards_cents, payouts_cents FROM views.earnings;

-- name: entries
-- All entries; the columns are those of fingerprint.ENTRY_FIELDS, in their order.
SELECT transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id, business_day, occurred_at,
    applied_at
FROM views.entries;
