-- name: payouts.of_day
-- How many were paid out on a day, and how much in all. $1 business day
SELECT count(*) AS payouts, coalesce(-sum(amount_cents), 0)::bigint AS paid_cents
FROM views.entries
WHERE kind = 'payout' AND business_day = $1;
