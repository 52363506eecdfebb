-- `ates audit` reads as ates_accounting, the one front end's role that may read every view.

SET LOCAL ROLE ates_views;

GRANT SELECT ON views.assignments TO ates_accounting;
