-- `ates audit` compares views.assignments with the log, as the role that reads every view.

SET LOCAL ROLE ates_views;

GRANT SELECT ON views.assignments TO ates_accounting;
