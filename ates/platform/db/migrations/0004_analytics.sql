-- The figures of analytics.figures, and the schema that analytics may be asked about: views with names for people.

SET LOCAL ROLE ates_views;

-- Each partition counts its own accounts: whoever reads adds the partitions up. A record with more entries is newer.
CREATE TABLE views.day_figures (
    day date NOT NULL,
    partition integer NOT NULL,
    fees_cents bigint NOT NULL,
    rewards_cents bigint NOT NULL,
    payouts_cents bigint NOT NULL,
    entries bigint NOT NULL,
    as_of timestamptz NOT NULL,
    PRIMARY KEY (day, partition)
) WITH (fillfactor = 50);

-- The balance of each account at the end of each business day on which something was booked.
CREATE TABLE views.day_balance_figures (
    account_id text COLLATE "C" NOT NULL,
    day date NOT NULL,
    balance_cents bigint NOT NULL,
    entries bigint NOT NULL,
    PRIMARY KEY (account_id, day)
) WITH (fillfactor = 80);

-- The latest of these: the balances of now.
CREATE TABLE views.balance_figures (
    account_id text COLLATE "C" PRIMARY KEY,
    day date NOT NULL,
    balance_cents bigint NOT NULL,
    entries bigint NOT NULL,
    as_of timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX balance_figures_below_zero ON views.balance_figures (balance_cents, account_id) WHERE balance_cents < 0;

-- The dearest task of each period in each partition; of equals the one completed first.
CREATE TABLE views.dearest_figures (
    period text NOT NULL,
    first_day date NOT NULL,
    partition integer NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    reward_cents bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (period, first_day, partition)
);

RESET ROLE;
CREATE SCHEMA analytics AUTHORIZATION ates_views;
COMMENT ON SCHEMA analytics IS 'What may be asked: views over the read models. Money is integer cents, days are business days.';
SET LOCAL ROLE ates_views;

CREATE VIEW analytics.daily_earnings AS
SELECT day,
    sum(fees_cents)::bigint AS fees_cents,
    sum(rewards_cents)::bigint AS rewards_cents,
    (sum(fees_cents) - sum(rewards_cents))::bigint AS earned_cents,
    sum(payouts_cents)::bigint AS payouts_cents,
    sum(entries)::bigint AS entries
FROM views.day_figures GROUP BY day;
COMMENT ON VIEW analytics.daily_earnings IS 'What management earned on each business day: fees less rewards.';

CREATE VIEW analytics.balances AS
SELECT f.account_id, coalesce(a.name, f.account_id) AS name, a.login, a.role, a.active,
    f.balance_cents, f.entries, f.day AS last_day, f.as_of
FROM views.balance_figures f LEFT JOIN views.accounts a ON a.account_id = f.account_id;
COMMENT ON VIEW analytics.balances IS 'Balance of each account that has entries; below zero is a debt to the company.';

CREATE VIEW analytics.daily_balances AS
SELECT f.account_id, coalesce(a.name, f.account_id) AS name, f.day, f.balance_cents, f.entries
FROM views.day_balance_figures f LEFT JOIN views.accounts a ON a.account_id = f.account_id;
COMMENT ON VIEW analytics.daily_balances IS 'Balance of an account at the end of each day on which something was booked.';

CREATE VIEW analytics.dearest_tasks AS
SELECT best.period, best.first_day,
    CASE best.period
        WHEN 'week' THEN best.first_day + 6
        WHEN 'month' THEN (best.first_day + interval '1 month - 1 day')::date
        ELSE best.first_day
    END AS last_day,
    best.task_id, t.jira_id, coalesce(t.title, '') AS title, best.reward_cents,
    coalesce(t.completed_at, best.occurred_at) AS completed_at,
    best.account_id, coalesce(a.name, best.account_id) AS completed_by
FROM (
    SELECT DISTINCT ON (period, first_day) *
    FROM views.dearest_figures
    ORDER BY period, first_day, reward_cents DESC, occurred_at, transaction_id
) AS best
LEFT JOIN views.tasks t ON t.task_id = best.task_id
LEFT JOIN views.accounts a ON a.account_id = best.account_id;
COMMENT ON VIEW analytics.dearest_tasks IS 'Completed task with the greatest reward, by day, week (from Monday) and month.';

CREATE VIEW analytics.accounts AS
SELECT account_id, login, name, role, active FROM views.accounts;
COMMENT ON VIEW analytics.accounts IS 'Everybody with an account.';

CREATE VIEW analytics.tasks AS
SELECT t.task_id, t.jira_id, t.title, t.description, t.status, t.assignment AS assignments,
    t.assignee_id, assignee.name AS assignee, t.author_id, author.name AS author,
    t.created_at, t.assigned_at, t.completed_at
FROM views.tasks t
LEFT JOIN views.accounts assignee ON assignee.account_id = t.assignee_id
LEFT JOIN views.accounts author ON author.account_id = t.author_id;
COMMENT ON VIEW analytics.tasks IS 'All tasks, with who has them now and how often they were dealt.';

CREATE VIEW analytics.entries AS
SELECT e.transaction_id, e.account_id, coalesce(a.name, e.account_id) AS name, e.sequence, e.kind, e.amount_cents,
    e.balance_cents, e.task_id, t.title, e.business_day AS day, e.occurred_at, e.applied_at
FROM views.entries e
LEFT JOIN views.accounts a ON a.account_id = e.account_id
LEFT JOIN views.tasks t ON t.task_id = e.task_id;
COMMENT ON VIEW analytics.entries IS 'Every movement of money, signed from the account''s side.';

CREATE VIEW analytics.payouts AS
SELECT e.account_id, coalesce(a.name, e.account_id) AS name, e.business_day AS day, -e.amount_cents AS paid_cents,
    e.applied_at
FROM views.entries e LEFT JOIN views.accounts a ON a.account_id = e.account_id
WHERE e.kind = 'payout';
COMMENT ON VIEW analytics.payouts IS 'What was paid out to whom at the end of which day.';

-- An account's sequences have no gaps, so its last one is how many entries the ledger has of it.
CREATE VIEW analytics.freshness AS
SELECT max(f.as_of) AS as_of,
    coalesce(sum(greatest(b.sequence - coalesce(f.entries, 0), 0)), 0)::bigint AS waiting,
    coalesce(extract(epoch FROM now() - min(b.as_of) FILTER (WHERE b.sequence > coalesce(f.entries, 0))), 0)::float8
        AS lag_seconds
FROM views.balances b FULL JOIN views.balance_figures f ON f.account_id = b.account_id;
COMMENT ON VIEW analytics.freshness IS
    'Newest entry that the figures count; how many are not counted yet, and for how many seconds one has been waiting.';

-- Analytics answers from its own schema alone.
REVOKE ALL ON ALL TABLES IN SCHEMA views FROM ates_analytics;
REVOKE USAGE ON SCHEMA views FROM ates_analytics;
GRANT USAGE ON SCHEMA analytics TO ates_analytics;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ates_analytics;
