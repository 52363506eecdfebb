-- name: outcomes.of_command
-- The outcomes of one command so far, a row for each partition that decided it. $1 command id
SELECT command_id, partition, partitions, status, code, detail, result, actor_id, request_hash
FROM views.outcomes
WHERE command_id = $1
ORDER BY partition;
