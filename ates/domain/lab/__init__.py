"""The lab: faults that are made on purpose in a demo."""
