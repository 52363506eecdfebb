-- name: offsets.ensure
-- Rows for partitions seen for the first time, at 0. $1 topic, $2 partitions
INSERT INTO views.offsets (topic, partition)
SELECT $1, partition FROM unnest($2::integer[]) AS partition
ON CONFLICT DO NOTHING;

-- name: offsets.read
-- How far partitions have been projected. $1 topic, $2 partitions
SELECT partition, next_offset FROM views.offsets WHERE topic = $1 AND partition = ANY ($2::integer[]);

-- name: offsets.advance
-- True when the position was the expected one, else no row: somebody else has moved it. The row stays
-- locked to the end of the transaction. $1 topic, $2 partition, $3 expected, $4 next
UPDATE views.offsets SET next_offset = $4 WHERE topic = $1 AND partition = $2 AND next_offset = $3
RETURNING true;

-- name: accounts.upsert
-- Accounts as their newest record tells them. Arrays: $1 ids, then the columns in order
INSERT INTO views.accounts AS held (account_id, login, name, email, role, active, version)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[])
ON CONFLICT (account_id) DO UPDATE SET
    login = excluded.login, name = excluded.name, email = excluded.email,
    role = excluded.role, active = excluded.active, version = excluded.version
WHERE excluded.version > held.version;

-- name: tasks.upsert
-- What a batch tells of its tasks. The three parts (creation, last assignment, completion) are each taken on
-- their own, so that events may come late, twice or in any order. Arrays: $1 ids, then the columns in order
INSERT INTO views.tasks AS held (
    task_id, jira_id, title, description, author_id, created_at,
    assignee_id, assignment, assigned_at, status, completed_at, version)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::text[], $8::bigint[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::bigint[])
ON CONFLICT (task_id) DO UPDATE SET
    jira_id = CASE WHEN held.author_id IS NULL THEN excluded.jira_id ELSE held.jira_id END,
    title = CASE WHEN held.author_id IS NULL THEN excluded.title ELSE held.title END,
    description = CASE WHEN held.author_id IS NULL THEN excluded.description ELSE held.description END,
    author_id = coalesce(held.author_id, excluded.author_id),
    created_at = CASE WHEN held.author_id IS NULL THEN excluded.created_at ELSE held.created_at END,
    assignee_id = CASE WHEN excluded.assignment > held.assignment THEN excluded.assignee_id ELSE held.assignee_id END,
    assigned_at = CASE WHEN excluded.assignment > held.assignment THEN excluded.assigned_at ELSE held.assigned_at END,
    assignment = greatest(held.assignment, excluded.assignment),
    status = CASE WHEN excluded.status = 'done' THEN 'done' ELSE held.status END,
    completed_at = coalesce(held.completed_at, excluded.completed_at),
    version = greatest(held.version, excluded.version)
WHERE excluded.version > held.version OR excluded.assignment > held.assignment
    OR (held.author_id IS NULL AND excluded.author_id IS NOT NULL);

-- name: assignments.insert
-- Every assignment, each once. Arrays: $1 task ids, then the columns in order
INSERT INTO views.assignments (task_id, assignment, assignee_id, assigned_at)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[])
ON CONFLICT (task_id, assignment) DO NOTHING;

-- name: outcomes.insert
-- What became of commands; the first outcome of a partition stands. Arrays: $1 ids, then the columns in order
INSERT INTO views.outcomes (
    command_id, partition, partitions, status, code, detail, result, actor_id, request_hash, issued_at)
SELECT * FROM unnest(
    $1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[]::jsonb[],
    $8::text[], $9::text[], $10::timestamptz[])
ON CONFLICT (command_id, partition) DO NOTHING;

-- name: entries.book
-- Entries, the balances after them and the sums by day. Only entries that are really new count towards a sum;
-- days in order, so that partitions which book at the same time never wait for each other in a circle.
-- Arrays: $1 transaction ids, then the columns in order
WITH told AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
        $8::date[], $9::timestamptz[], $10::timestamptz[]
    ) AS told (transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id,
        business_day, occurred_at, applied_at)
), booked AS (
    INSERT INTO views.entries (transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id,
        business_day, occurred_at, applied_at)
    SELECT * FROM told
    ON CONFLICT (transaction_id) DO NOTHING
    RETURNING account_id, sequence, kind, amount_cents, balance_cents, business_day, applied_at
), balanced AS (
    INSERT INTO views.balances AS held (account_id, balance_cents, sequence, as_of)
    SELECT DISTINCT ON (account_id) account_id, balance_cents, sequence, applied_at
    FROM booked ORDER BY account_id, sequence DESC
    ON CONFLICT (account_id) DO UPDATE SET
        balance_cents = excluded.balance_cents, sequence = excluded.sequence, as_of = excluded.as_of
    WHERE excluded.sequence > held.sequence
)
INSERT INTO views.earnings AS held (day, fees_cents, rewards_cents, payouts_cents)
SELECT
    business_day,
    coalesce(-sum(amount_cents) FILTER (WHERE kind = 'fee'), 0),
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'reward'), 0),
    coalesce(-sum(amount_cents) FILTER (WHERE kind = 'payout'), 0)
FROM booked GROUP BY business_day ORDER BY business_day
ON CONFLICT (day) DO UPDATE SET
    fees_cents = held.fees_cents + excluded.fees_cents,
    rewards_cents = held.rewards_cents + excluded.rewards_cents,
    payouts_cents = held.payouts_cents + excluded.payouts_cents;

-- name: mails.tell
-- What became of mails, the later word of each; one that was sent stays sent.
-- Arrays: $1 transaction ids, then the columns in order
INSERT INTO views.mails AS held (transaction_id, status, reason, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
ON CONFLICT (transaction_id) DO UPDATE SET
    status = excluded.status, reason = excluded.reason, at = excluded.at
WHERE excluded.status = 'sent' OR (held.status <> 'sent' AND excluded.at >= held.at);

-- name: notify
-- Wake who listens, once the transaction is committed. $1 channel, $2 payloads
SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload;

-- name: figures.days
-- Sums by day and partition; a record with more entries is newer. Arrays: $1 days, then the columns in order
INSERT INTO views.day_figures AS held
    (day, partition, fees_cents, rewards_cents, payouts_cents, entries, as_of)
SELECT * FROM unnest(
    $1::date[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
ON CONFLICT (day, partition) DO UPDATE SET
    fees_cents = excluded.fees_cents, rewards_cents = excluded.rewards_cents,
    payouts_cents = excluded.payouts_cents, entries = excluded.entries, as_of = excluded.as_of
WHERE excluded.entries > held.entries;

-- name: figures.balances
-- Balances at the ends of days, and of each account the latest. Arrays: $1 accounts, then the columns in order
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::timestamptz[])
        AS told (account_id, day, balance_cents, entries, as_of)
), daily AS (
    INSERT INTO views.day_balance_figures AS held (account_id, day, balance_cents, entries)
    SELECT account_id, day, balance_cents, entries FROM told
    ON CONFLICT (account_id, day) DO UPDATE SET balance_cents = excluded.balance_cents, entries = excluded.entries
    WHERE excluded.entries > held.entries
)
INSERT INTO views.balance_figures AS held (account_id, day, balance_cents, entries, as_of)
SELECT DISTINCT ON (account_id) * FROM (SELECT account_id, day, balance_cents, entries, as_of FROM told) AS newest
ORDER BY account_id, day DESC
ON CONFLICT (account_id) DO UPDATE SET
    day = excluded.day, balance_cents = excluded.balance_cents, entries = excluded.entries, as_of = excluded.as_of
WHERE (excluded.day, excluded.entries) > (held.day, held.entries);

-- name: figures.dearest
-- The dearest tasks by period and partition; only a dearer one takes the place. Arrays: $1 periods, then the columns
INSERT INTO views.dearest_figures AS held
    (period, first_day, partition, task_id, account_id, reward_cents, occurred_at, transaction_id)
SELECT * FROM unnest(
    $1::text[], $2::date[], $3::integer[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::text[])
ON CONFLICT (period, first_day, partition) DO UPDATE SET
    task_id = excluded.task_id, account_id = excluded.account_id, reward_cents = excluded.reward_cents,
    occurred_at = excluded.occurred_at, transaction_id = excluded.transaction_id
WHERE (excluded.reward_cents, held.occurred_at, held.transaction_id)
    > (held.reward_cents, excluded.occurred_at, excluded.transaction_id);
