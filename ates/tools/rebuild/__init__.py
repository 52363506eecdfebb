"""Read models built again from the log."""
