-- name: tasks.newest
-- All tasks, newest first. $1, $2 created_at and id of the last one seen, $3 limit
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE (t.created_at, t.task_id) < ($1, $2)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.by_status
-- The tasks of one status, newest first. $1, $2 created_at and id of the last one seen, $3 limit, $4 status
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE t.status = $4 AND (t.created_at, t.task_id) < ($1, $2)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.by_assignee
-- The tasks of one popug, newest first. $1, $2 created_at and id of the last one seen, $3 limit, $4 account
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE t.assignee_id = $4 AND (t.created_at, t.task_id) < ($1, $2)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.by_assignee_and_status
-- The tasks of one popug and status, newest first.
-- $1, $2 created_at and id of the last one seen, $3 limit, $4 account, $5 status
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE t.assignee_id = $4 AND t.status = $5 AND (t.created_at, t.task_id) < ($1, $2)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.by_jira_id
-- The tasks of one Jira id, newest first. $1, $2 created_at and id of the last one seen, $3 limit, $4 Jira id,
-- then empty for all: $5 account, $6 status, $7 pattern of title or description
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE t.jira_id = $4 AND (t.created_at, t.task_id) < ($1, $2)
    AND ($5 = '' OR t.assignee_id = $5) AND ($6 = '' OR t.status = $6)
    AND ($7 = '' OR t.title ILIKE $7 OR t.description ILIKE $7)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.by_text
-- The tasks with a text in title or description, newest first: reads from the newest on until the page is full.
-- $1, $2 created_at and id of the last one seen, $3 limit, $4 pattern, then empty for all: $5 account, $6 status
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE (t.title ILIKE $4 OR t.description ILIKE $4) AND (t.created_at, t.task_id) < ($1, $2)
    AND ($5 = '' OR t.assignee_id = $5) AND ($6 = '' OR t.status = $6)
ORDER BY t.created_at DESC, t.task_id DESC
LIMIT $3;

-- name: tasks.one
-- One task. $1 task id
SELECT t.*, assignee.name AS assignee_name, author.name AS author_name
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id
WHERE t.task_id = $1;

-- name: tasks.counts
-- Open tasks of everybody, and one popug's open and done ones. $1 account
SELECT
    (SELECT count(*) FROM views.tasks WHERE status = 'open') AS open_all,
    (SELECT count(*) FROM views.tasks WHERE assignee_id = $1 AND status = 'open') AS open_mine,
    (SELECT count(*) FROM views.tasks WHERE assignee_id = $1 AND status = 'done') AS done_mine;

-- name: tasks.open_count
-- How many tasks are open.
SELECT count(*) FROM views.tasks WHERE status = 'open';

-- name: tasks.assignments
-- The latest assignments of a task, newest first. $1 task id, $2 limit
SELECT a.assignment, a.assignee_id, a.assigned_at, account.name AS assignee_name
FROM views.assignments a
LEFT JOIN views.accounts account ON account.account_id = a.assignee_id
WHERE a.task_id = $1
ORDER BY a.assignment DESC
LIMIT $2;

-- name: tasks.dealt_at
-- How many assignments the shuffle asked for at a moment has made so far. $1 issued_at of its command
SELECT count(*) FROM views.assignments WHERE assigned_at = $1;

-- name: entries.amounts
-- Amounts of these transactions. $1 transaction ids, $2 account whose entries may be seen, null for everybody's
SELECT transaction_id, amount_cents FROM views.entries
WHERE transaction_id = ANY ($1::text[]) AND ($2::text IS NULL OR account_id = $2);

-- name: accounts.assignees
-- Whom a list of tasks can be narrowed to: popugs that can be dealt tasks. $1 limit
SELECT account_id AS id, name
FROM views.accounts
WHERE active AND role NOT IN ('manager', 'admin')
ORDER BY name, account_id
LIMIT $1;

-- name: accounts.name
-- The name of one account. $1 account
SELECT name FROM views.accounts WHERE account_id = $1;
