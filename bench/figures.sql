-- name: fill
-- Read models of a year with $transactions entries of $accounts accounts, as the views worker would have written them.
INSERT INTO views.accounts SELECT 'a' || n, 'l' || n, 'Popug ' || n, '', 'worker', true, 1
    FROM generate_series(1, $accounts) n ON CONFLICT DO NOTHING;
INSERT INTO views.tasks (task_id, title, assignee_id, assignment, author_id, status, created_at, completed_at, version)
    SELECT 't' || n, 'Task ' || n, 'a' || (1 + n % $accounts), 1, 'a1', 'done',
        now() - n * interval '60 s', now() - n * interval '60 s', 3
    FROM generate_series(1, $transactions / 2) n;
INSERT INTO views.entries
    SELECT 'e' || n, 'a' || (1 + n % $accounts), n / $accounts + 1,
        (ARRAY['fee', 'reward', 'fee', 'payout'])[1 + n % 4], CASE WHEN n % 4 = 1 THEN 3000 ELSE -1500 END, 0,
        't' || (1 + n / 2), current_date - (n % 365)::int, now() - n * interval '30 s', now() - n * interval '30 s'
    FROM generate_series(1, $transactions) n;
INSERT INTO views.balances SELECT 'a' || n, n % 100 - 50, $transactions / $accounts, now()
    FROM generate_series(1, $accounts) n;
INSERT INTO views.day_figures SELECT current_date - d, p, 150000, 140000, 0, 100, now()
    FROM generate_series(0, 365) d, generate_series(0, 3) p;
INSERT INTO views.day_balance_figures
    SELECT 'a' || n, current_date - d, (n + d) % 100 - 50, $transactions / $accounts
    FROM generate_series(1, $accounts) n, generate_series(0, 365) d;
INSERT INTO views.balance_figures SELECT 'a' || n, current_date, n % 100 - 50, $transactions / $accounts, now()
    FROM generate_series(1, $accounts) n;
INSERT INTO views.dearest_figures SELECT 'day', current_date - d, p, 't' || (d + 1), 'a1', 3000 + p, now(), 'x'
    FROM generate_series(0, 365) d, generate_series(0, 3) p;
ANALYZE;
