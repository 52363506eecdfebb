"""Tools beside the workers and front ends: audit, topic browser, dead letters, import, demo, rebuild."""
