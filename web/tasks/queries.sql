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
