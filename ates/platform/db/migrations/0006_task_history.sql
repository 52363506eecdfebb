-- What each task went through, for its page; found by Jira id, too.

SET LOCAL ROLE ates_views;

-- From tasks.events: every assignment, never changed. assigned_at is the time of the command behind it, so that a
-- shuffle's assignments can be counted while it goes on.
CREATE TABLE views.assignments (
    task_id text COLLATE "C" NOT NULL,
    assignment bigint NOT NULL,
    assignee_id text COLLATE "C" NOT NULL,
    assigned_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, assignment)
);
CREATE INDEX assignments_of_moment ON views.assignments (assigned_at);
CREATE INDEX tasks_by_jira_id ON views.tasks (jira_id, created_at, task_id) WHERE jira_id IS NOT NULL;

GRANT SELECT ON views.assignments TO ates_tasks;
-- Fees and rewards of a task; the front end shows them to whose they are, and to accountants and admins.
GRANT SELECT ON views.entries TO ates_tasks;

-- The assignments of the past are in the log: it is read again, which changes no row that is there already.
UPDATE views.offsets SET next_offset = 0 WHERE topic = 'tasks.events';
