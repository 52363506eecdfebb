-- name: accounts.by_id
-- One account. $1 id
SELECT id, login, name, email, role, active, version, valid_after FROM auth.accounts WHERE id = $1;

-- name: accounts.for_login
-- The account that logs in as $1, whatever its case, with its hash.
SELECT id, login, name, email, role, active, version, valid_after, password_hash
FROM auth.accounts WHERE lower(login) = lower($1);

-- name: accounts.for_change
-- One account, locked until the transaction ends: its versions and its events come in one order. $1 id
SELECT id, login, name, email, role, active, version, valid_after FROM auth.accounts WHERE id = $1 FOR UPDATE;

-- name: accounts.lock_for_login
-- The account that logs in as $1, locked, if it is active and its hash is still $2.
SELECT id, login, name, email, role, active, version, valid_after FROM auth.accounts
WHERE lower(login) = lower($1) AND password_hash = $2 AND active FOR UPDATE;

-- name: accounts.page
-- Accounts by login, from after $1 (null: the first), at most $2.
SELECT id, login, name, email, role, active, version, valid_after FROM auth.accounts
WHERE $1::text IS NULL OR lower(login) > $1
ORDER BY lower(login) LIMIT $2;

-- name: accounts.other_admins
-- How many active admins there are beside $1. Call under accounts.one_admin_change.
SELECT count(*) FROM auth.accounts WHERE role = 'admin' AND active AND id <> $1;

-- name: accounts.one_admin_change
-- Wait until no other transaction takes an admin away: two who demote each other must not both succeed.
SELECT pg_advisory_xact_lock(hashtext('ates.auth.admins'));

-- name: accounts.create
-- A new account, unless its login or id is taken: then no row comes back.
INSERT INTO auth.accounts (id, login, name, email, role, password_hash, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT DO NOTHING
RETURNING id, login, name, email, role, active, version, valid_after;

-- name: accounts.change
-- The next version of account $1. $2 name, $3 email, $4 role, $5 active, $6 valid_after, $7 now
UPDATE auth.accounts
SET name = $2, email = $3, role = $4, active = $5, valid_after = $6, changed_at = $7, version = version + 1
WHERE id = $1
RETURNING id, login, name, email, role, active, version, valid_after;

-- name: accounts.set_password
-- Another hash for account $1: a new password, or the old one hashed with today's parameters. $2 hash
UPDATE auth.accounts SET password_hash = $2 WHERE id = $1;

-- name: sessions.open
-- A session of account $2 from now on. $1 id, $3 user agent, $4 now, $5 expires at
INSERT INTO auth.sessions (id, account_id, user_agent, created_at, last_used_at, expires_at)
VALUES ($1, $2, $3, $4, $4, $5);

-- name: sessions.alive
-- Whether session $1 holds, for an account that is active and still has role $2.
SELECT EXISTS (
    SELECT FROM auth.sessions s JOIN auth.accounts a ON a.id = s.account_id
    WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND a.active AND a.role = $2
);

-- name: sessions.of_account
-- The sessions of account $1 that hold, the latest used first; those used after $2.
SELECT id, user_agent, created_at, last_used_at FROM auth.sessions
WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now() AND last_used_at > $2
ORDER BY last_used_at DESC;

-- name: sessions.begun
-- When session $1 began.
SELECT created_at FROM auth.sessions WHERE id = $1;

-- name: sessions.revoke_beyond
-- End the sessions of account $1 beyond the $2 that were used last. $3 now
UPDATE auth.sessions SET revoked_at = $3 WHERE id IN (
    SELECT id FROM auth.sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $3
    ORDER BY last_used_at DESC, created_at DESC OFFSET $2
)
RETURNING id, account_id;

-- name: administration.add
-- Actor $2 at address $3 did $4 to account $5 (null: to none in particular) at $1. $6 the changes
INSERT INTO auth.administration (at, actor_id, address, action, account_id, changes) VALUES ($1, $2, $3, $4, $5, $6);

-- name: administration.page
-- What was done to accounts, the latest first: at most $2 entries from before sequence $1 (null: the newest).
SELECT d.sequence, d.at, d.address, d.action, d.changes,
       d.actor_id, actor.login AS actor, d.account_id, account.login AS account
FROM auth.administration d
JOIN auth.accounts actor ON actor.id = d.actor_id
LEFT JOIN auth.accounts account ON account.id = d.account_id
WHERE $1::bigint IS NULL OR d.sequence < $1
ORDER BY d.sequence DESC LIMIT $2;

-- name: sessions.touch
-- Session $1 was used at $2.
UPDATE auth.sessions SET last_used_at = $2 WHERE id = $1;

-- name: sessions.revoke
-- End one session of an account. $1 id, $2 account, $3 now
UPDATE auth.sessions SET revoked_at = $3 WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL
RETURNING id, account_id;

-- name: sessions.revoke_all
-- End every session of account $1. $2 now
UPDATE auth.sessions SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL
RETURNING id, account_id;

-- name: sessions.purge
-- Forget sessions, with their tokens, that ended a day ago or earlier: no token of theirs is good any more.
DELETE FROM auth.sessions
WHERE expires_at < now() - interval '1 day' OR revoked_at < now() - interval '1 day';

-- name: tokens.issue
-- A refresh token of session $2. $1 hash, $3 now
INSERT INTO auth.refresh_tokens (hash, session_id, issued_at) VALUES ($1, $2, $3);

-- name: tokens.lock_account
-- Keep the account of refresh token $1 from changing until the transaction ends. Before its session is locked: changes
-- of an account lock in that order. $1 hash
SELECT id FROM auth.accounts WHERE id = (
    SELECT s.account_id FROM auth.refresh_tokens t JOIN auth.sessions s ON s.id = t.session_id WHERE t.hash = $1
) FOR SHARE;

-- name: tokens.for_use
-- A refresh token and its session, locked, and its account as it is now. $1 hash
SELECT t.session_id, t.rotated_at, s.revoked_at, s.expires_at, s.last_used_at,
       a.id, a.login, a.name, a.email, a.role, a.active, a.version, a.valid_after
FROM auth.refresh_tokens t
JOIN auth.sessions s ON s.id = t.session_id
JOIN auth.accounts a ON a.id = s.account_id
WHERE t.hash = $1
FOR UPDATE OF t, s;

-- name: tokens.rotate
-- Refresh token $1 was used at $2: it is not good again.
UPDATE auth.refresh_tokens SET rotated_at = $2 WHERE hash = $1;

-- name: attempts.blocked_for
-- For how many seconds more one of the subjects $1 is locked out; null when none is.
SELECT ceil(extract(epoch FROM max(blocked_until) - now()))::int FROM auth.attempts
WHERE subject = ANY($1) AND blocked_until > now();

-- name: attempts.failed
-- Count a failure of subject $1; from the $2th within $3 seconds on it waits for $4 seconds, doubled each time up to $5.
INSERT INTO auth.attempts AS a (subject, failures, last_at) VALUES ($1, 1, now())
ON CONFLICT (subject) DO UPDATE SET
    failures = CASE WHEN a.last_at < now() - make_interval(secs => $3) THEN 1 ELSE a.failures + 1 END,
    blocked_until = CASE
        WHEN a.last_at >= now() - make_interval(secs => $3) AND a.failures + 1 >= $2
        THEN now() + make_interval(secs => least($5::float8, $4::float8 * power(2, least(a.failures + 1 - $2, 20)))) END,
    last_at = now();

-- name: attempts.forgive
-- The subjects $1 proved to be who they say.
DELETE FROM auth.attempts WHERE subject = ANY($1);

-- name: attempts.purge
-- Forget failures older than $1 seconds.
DELETE FROM auth.attempts WHERE last_at < now() - make_interval(secs => $1);

-- name: places.known
-- Which of the places $1 are known.
SELECT subject FROM auth.known_places WHERE subject = ANY($1) AND last_at > now() - interval '90 days';

-- name: places.remember
-- A login succeeded at the places $1.
INSERT INTO auth.known_places (subject, last_at) SELECT unnest($1::text[]), now()
ON CONFLICT (subject) DO UPDATE SET last_at = now();

-- name: places.purge
-- Forget where nobody was for ninety days.
DELETE FROM auth.known_places WHERE last_at < now() - interval '90 days';

-- name: requests.claim
-- Take the id of a request for this transaction; no row when it was answered before. $1 id, $2 hash
INSERT INTO auth.requests (id, request_hash, response, created_at) VALUES ($1, $2, 'null', now())
ON CONFLICT DO NOTHING RETURNING id;

-- name: requests.answered
-- What was answered to request $1.
SELECT request_hash, response FROM auth.requests WHERE id = $1;

-- name: requests.answer
-- Keep the answer $2 to request $1.
UPDATE auth.requests SET response = $2 WHERE id = $1;

-- name: requests.purge
-- Forget what was answered 30 days ago and earlier.
DELETE FROM auth.requests WHERE created_at < now() - interval '30 days';

-- name: outbox.add
-- An event of this transaction. $1 id, $2 aggregatetype, $3 aggregateid, $4 type, $5 payload, $6 when, $7 trace
INSERT INTO auth.outbox (id, aggregatetype, aggregateid, type, payload, "timestamp", traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: outbox.unpublished
-- The next events to publish, at most $1, in the order in which they happened to each account.
SELECT id, aggregatetype, aggregateid, type, payload, "timestamp", traceparent
FROM auth.outbox WHERE published_at IS NULL ORDER BY sequence LIMIT $1;

-- name: outbox.published
-- The topics acknowledged the events $1.
UPDATE auth.outbox SET published_at = now() WHERE id = ANY($1);

-- name: outbox.lag
-- How many events wait to be published, and for how many seconds the oldest has.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(written_at)), 0)::float8 AS oldest_seconds
FROM auth.outbox WHERE published_at IS NULL;

-- name: outbox.lock
-- Whether this connection is now the one that publishes; the lock goes with the connection.
SELECT pg_try_advisory_lock(hashtext('ates.auth.outbox'));

-- name: accounts.for_code
-- Account $1 with its hash, locked, if it is active: of two who bring one code, one is first.
SELECT id, login, name, email, role, active, version, valid_after, password_hash FROM auth.accounts
WHERE id = $1 AND active FOR UPDATE;

-- name: second_factor.begin
-- Secret $2 for account $1, in the place of one that was never confirmed; no row when one is confirmed. $3 now
INSERT INTO auth.second_factors AS f (account_id, secret, begun_at) VALUES ($1, $2, $3)
ON CONFLICT (account_id) DO UPDATE SET secret = $2, begun_at = $3, last_step = 0 WHERE f.confirmed_at IS NULL
RETURNING secret;

-- name: second_factor.of_account
-- The second factor of account $1, confirmed or not.
SELECT account_id, secret, confirmed_at, last_step, recovery_salt FROM auth.second_factors WHERE account_id = $1;

-- name: second_factor.used
-- The code of time step $2 was used: it and earlier ones are not good again. $1 account
UPDATE auth.second_factors SET last_step = $2 WHERE account_id = $1;

-- name: second_factor.confirm
-- The factor of account $1 counts from $2 on. $3 salt of its recovery codes
UPDATE auth.second_factors SET confirmed_at = $2, recovery_salt = $3 WHERE account_id = $1;

-- name: second_factor.remove
-- Forget the confirmed factor of account $1, with its recovery codes; no row when there is none.
DELETE FROM auth.second_factors WHERE account_id = $1 AND confirmed_at IS NOT NULL RETURNING true;

-- name: second_factor.status
-- Since when account $1 has a second factor (null: it has none), and how many recovery codes are left.
SELECT (SELECT confirmed_at FROM auth.second_factors WHERE account_id = $1) AS confirmed_at,
       (SELECT count(*) FROM auth.recovery_codes WHERE account_id = $1) AS recovery_codes;

-- name: second_factor.roles
-- The roles that must have a second factor.
SELECT role FROM auth.second_factor_roles;

-- name: second_factor.require
-- Require a second factor of the roles $1 and of no other.
WITH gone AS (DELETE FROM auth.second_factor_roles WHERE role <> ALL ($1::text[]))
INSERT INTO auth.second_factor_roles (role) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING;

-- name: second_factor.accounts_without
-- The accounts of the roles $1 that have no second factor, locked, in an order that all lock in.
SELECT a.id FROM auth.accounts a
WHERE a.role = ANY ($1::text[])
    AND NOT EXISTS (SELECT FROM auth.second_factors f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL)
ORDER BY a.id FOR UPDATE OF a;

-- name: recovery_codes.add
-- The hashes $2 of the recovery codes of account $1.
INSERT INTO auth.recovery_codes (account_id, hash) SELECT $1, unnest($2::bytea[]);

-- name: recovery_codes.use
-- Use the recovery code of account $1 with hash $2; no row when there is none, or it was used.
DELETE FROM auth.recovery_codes WHERE account_id = $1 AND hash = $2 RETURNING true;
