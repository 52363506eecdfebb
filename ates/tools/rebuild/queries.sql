-- name: lock.patience
-- How long to wait for the positions: the worker that writes them holds one for as long as it writes a batch.
SET LOCAL lock_timeout = '30s';

-- name: offsets.lock
-- Where the views stand, held to the end of the transaction; the worker waits. $1 topics
SELECT topic, partition, next_offset FROM views.offsets WHERE topic = ANY ($1::text[])
ORDER BY topic, partition FOR UPDATE;

-- name: offsets.begin
-- Read from the beginning. $1 topics
UPDATE views.offsets SET next_offset = 0 WHERE topic = ANY ($1::text[]);

-- name: views.empty
-- The statement that empties a view, quoted by the server. Not TRUNCATE, which would keep readers waiting. $1 view
SELECT format('DELETE FROM views.%I', $1::text);
