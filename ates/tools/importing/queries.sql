-- name: tasks.there
-- Those of these tasks that exist. $1 task ids
SELECT task_id FROM views.tasks WHERE task_id = ANY ($1::text[]);

-- name: commands.decided
-- What became of those of these commands that are decided. $1 command ids
SELECT command_id, status, code, detail FROM views.outcomes WHERE command_id = ANY ($1::text[]);
