-- The read models: what the views agent projects from the log, and what the front ends read.
-- Everything here can be built again from the topics; nobody but ates_views writes it.
-- Ids are UUIDs as text, in byte order. Money is integer cents.

CREATE SCHEMA views AUTHORIZATION ates_views;

-- The offsets of a batch are in its transaction. A commit lost with the database server takes its offset
-- with it and is read again from the log, so waiting for the disk buys nothing here.
ALTER ROLE ates_views SET synchronous_commit = off;

SET LOCAL ROLE ates_views;

-- How far each partition has been projected. Moved only WHERE next_offset is the expected one,
-- so that a worker that was paused while another took over changes nothing.
CREATE TABLE views.offsets (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
);

-- From auth.accounts; the row of the greatest version.
CREATE TABLE views.accounts (
    account_id text COLLATE "C" PRIMARY KEY,
    login text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL,
    version bigint NOT NULL
);

-- From tasks.events. author_id is NULL while only a later event of the task has been seen.
CREATE TABLE views.tasks (
    task_id text COLLATE "C" PRIMARY KEY,
    jira_id text,
    title text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'open',
    assignee_id text COLLATE "C",
    assignment bigint NOT NULL DEFAULT 0,
    author_id text COLLATE "C",
    created_at timestamptz NOT NULL,
    assigned_at timestamptz,
    completed_at timestamptz,
    version bigint NOT NULL
) WITH (fillfactor = 80);
-- Lists of tasks, newest first: all, by status, by assignee, by both.
CREATE INDEX tasks_newest ON views.tasks (created_at, task_id);
CREATE INDEX tasks_by_status ON views.tasks (status, created_at, task_id);
CREATE INDEX tasks_by_assignee ON views.tasks (assignee_id, created_at, task_id);
CREATE INDEX tasks_by_assignee_and_status ON views.tasks (assignee_id, status, created_at, task_id);

-- From accounting.transactions; rows are only ever added.
-- (account_id, sequence) is not unique on purpose: this shows what the log says, `ates audit` judges it.
CREATE TABLE views.entries (
    transaction_id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    amount_cents bigint NOT NULL,
    balance_cents bigint NOT NULL,
    task_id text COLLATE "C",
    business_day date NOT NULL,
    occurred_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL
);
-- Audit logs, newest first: of an account, of its day, of everybody, of everybody's day.
CREATE INDEX entries_of_account ON views.entries (account_id, sequence);
CREATE INDEX entries_of_account_and_day ON views.entries (account_id, business_day, sequence);
CREATE INDEX entries_newest ON views.entries (applied_at, transaction_id);
CREATE INDEX entries_of_day ON views.entries (business_day, applied_at, transaction_id);
-- Payouts of a day, and of one account.
CREATE INDEX payouts_of_day ON views.entries (business_day, account_id) WHERE kind = 'payout';
CREATE INDEX payouts_of_account ON views.entries (account_id, business_day) WHERE kind = 'payout';
-- The greatest reward of a day is one probe: ORDER BY amount_cents DESC, occurred_at, transaction_id.
-- Of a month: one probe for each day, LATERAL to generate_series.
CREATE INDEX rewards_of_day ON views.entries (business_day, amount_cents DESC, occurred_at, transaction_id)
    WHERE kind = 'reward';

-- The newest entry's balance of each account, so that reading one costs the same however long its history.
CREATE TABLE views.balances (
    account_id text COLLATE "C" PRIMARY KEY,
    balance_cents bigint NOT NULL,
    sequence bigint NOT NULL,
    as_of timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX balances_below_zero ON views.balances (balance_cents, account_id) WHERE balance_cents < 0;

-- Sums by business day, each positive; management earned fees_cents - rewards_cents.
CREATE TABLE views.earnings (
    day date PRIMARY KEY,
    fees_cents bigint NOT NULL DEFAULT 0,
    rewards_cents bigint NOT NULL DEFAULT 0,
    payouts_cents bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- From tasks.outcomes and accounting.outcomes; the first one of a partition stands, a duplicate never
-- overwrites. A command is decided when as many rows as `partitions` have come.
CREATE TABLE views.outcomes (
    command_id text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    partitions integer NOT NULL,
    status text NOT NULL CHECK (status IN ('applied', 'rejected')),
    code text NOT NULL,
    detail text NOT NULL,
    result jsonb NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    request_hash text NOT NULL,
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (command_id, partition)
);

GRANT USAGE ON SCHEMA views TO ates_tasks, ates_accounting, ates_analytics;
GRANT SELECT ON views.offsets, views.accounts, views.tasks TO ates_tasks, ates_accounting, ates_analytics;
GRANT SELECT ON views.outcomes TO ates_tasks, ates_accounting;
GRANT SELECT ON views.entries, views.balances, views.earnings TO ates_accounting, ates_analytics;
