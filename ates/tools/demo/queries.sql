-- name: accounts.known
-- How many of these accounts the read models know. $1 account ids
SELECT count(*) FROM views.accounts WHERE account_id = ANY ($1::text[]);

-- name: tasks.created_at
-- When a task was created; no row while it is not. $1 task id
SELECT created_at FROM views.tasks WHERE task_id = $1;

-- name: tasks.assignees
-- Who has each of these tasks. $1 task ids
SELECT task_id, assignee_id FROM views.tasks WHERE task_id = ANY ($1::text[]);

-- name: commands.decided
-- Those of these commands that all their partitions have decided, and the code of a refusal. $1 command ids
SELECT command_id, max(code) AS code FROM views.outcomes WHERE command_id = ANY ($1::text[])
GROUP BY command_id HAVING count(*) >= max(partitions);

-- name: books.expected
-- How many entries these commands lead to: one for each task created or completed, one for each dealt again.
-- $1 command ids
SELECT coalesce(sum(CASE WHEN result ? 'assigned' THEN (result ->> 'assigned')::integer ELSE 1 END), 0)
FROM views.outcomes WHERE command_id = ANY ($1::text[]) AND status = 'applied';

-- name: books.kept
-- How many entries these tasks have, and how many they must have as far as is known here. $1 task ids
SELECT
    (SELECT count(*) FROM views.entries WHERE task_id = ANY ($1::text[])) AS booked,
    (SELECT coalesce(sum(assignment + (status = 'done')::integer), 0)
    FROM views.tasks WHERE task_id = ANY ($1::text[])) AS caused;

-- name: company.founded_at
-- When the first account was made.
SELECT min(created_at) FROM auth.accounts;

-- name: life.popugs
-- Everybody who works at the demo company. $1 account ids of the demo
SELECT account_id FROM views.accounts WHERE active AND account_id = ANY ($1::text[]);

-- name: life.open_task
-- Some open task of somebody who works at the demo company. $1 account ids of the demo
SELECT task.task_id, task.title, task.assignee_id, account.name
FROM views.tasks AS task JOIN views.accounts AS account ON account.account_id = task.assignee_id
WHERE task.status = 'open' AND account.active AND account.account_id = ANY ($1::text[])
ORDER BY random() LIMIT 1;
