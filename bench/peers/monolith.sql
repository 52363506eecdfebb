-- name: schema
-- A database of its own: nothing here is shared with aTES.
DROP SCHEMA IF EXISTS monolith CASCADE;
CREATE SCHEMA monolith;
CREATE TABLE monolith.commands (command_id text PRIMARY KEY, actor_id text NOT NULL, request_hash text NOT NULL, result jsonb NOT NULL);
CREATE TABLE monolith.tasks (
    task_id text PRIMARY KEY, jira_id text, title text NOT NULL, description text NOT NULL, author_id text NOT NULL,
    assignee_id text NOT NULL, assignment bigint NOT NULL, fee_cents bigint NOT NULL, reward_cents bigint NOT NULL,
    status text NOT NULL DEFAULT 'open', created_at timestamptz NOT NULL, version bigint NOT NULL);
CREATE INDEX ON monolith.tasks (assignee_id, status);
CREATE TABLE monolith.accounts (account_id text PRIMARY KEY, balance_cents bigint NOT NULL, sequence bigint NOT NULL, chain_hash text NOT NULL);
CREATE TABLE monolith.entries (
    transaction_id text PRIMARY KEY, account_id text NOT NULL, sequence bigint NOT NULL, kind text NOT NULL,
    amount_cents bigint NOT NULL, balance_cents bigint NOT NULL, task_id text, business_day date NOT NULL,
    occurred_at timestamptz NOT NULL, applied_at timestamptz NOT NULL, chain_hash text NOT NULL,
    UNIQUE (account_id, sequence));
CREATE TABLE monolith.outbox (id bigserial PRIMARY KEY, topic text NOT NULL, key text NOT NULL, record jsonb NOT NULL);

-- name: command
-- Nothing for a command that was done before. $1 id, $2 actor, $3 hash of the request, $4 result
INSERT INTO monolith.commands VALUES ($1, $2, $3, $4::text::jsonb) ON CONFLICT DO NOTHING RETURNING true;

-- name: task
-- $1 id, $2 Jira id, $3 title, $4 description, $5 author, $6 assignee, $7 fee, $8 reward, $9 time
INSERT INTO monolith.tasks (task_id, jira_id, title, description, author_id, assignee_id, assignment, fee_cents,
    reward_cents, created_at, version)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, 2);

-- name: account
-- The account, locked until the transaction ends. $1 id
SELECT balance_cents, sequence, chain_hash FROM monolith.accounts WHERE account_id = $1 FOR UPDATE;

-- name: entry
-- $1 transaction id, then the columns in order
INSERT INTO monolith.entries VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: balance
-- $1 account, $2 balance, $3 sequence, $4 hash
UPDATE monolith.accounts SET balance_cents = $2, sequence = $3, chain_hash = $4 WHERE account_id = $1;

-- name: outbox
-- What others are to hear. Arrays: $1 topics, $2 keys, $3 records
INSERT INTO monolith.outbox (topic, key, record)
SELECT topic, key, record::jsonb FROM unnest($1::text[], $2::text[], $3::text[]) AS told (topic, key, record);

-- name: accounts
-- $1 ids
INSERT INTO monolith.accounts SELECT id, 0, 0, repeat('0', 64) FROM unnest($1::text[]) AS id;
