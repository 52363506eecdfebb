-- What became of the mails about payouts. Nothing here is ever sent: the worker `payouts` does that.

SET LOCAL ROLE ates_views;

-- From accounting.mails. A payout without a row has a mail that waits.
CREATE TABLE views.mails (
    transaction_id text COLLATE "C" PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('pending', 'sent', 'failed')),
    reason text NOT NULL DEFAULT '',
    at timestamptz NOT NULL
);
GRANT SELECT ON views.mails TO ates_accounting, ates_analytics;
